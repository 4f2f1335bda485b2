"""JSON schema 1: what commands print with ``--json``, written and read by one description of each object."""
