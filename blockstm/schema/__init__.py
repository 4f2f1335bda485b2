"""JSON schema 1: what commands print with ``--json``, written and read by one description of each object.

- `fields`: strict reading of the fields of a JSON object whose origin is not known.
- `entry`: JSON objects as dataclasses: each field is described once.
- `common`: objects that several commands print.
- `settlement`: how blocks were stored.
- `replay`, `inspect`, `simulate`, `pipeline`, `compare`, `explore`, `sweep`: what each command prints.
- `proof`, `state`: what `prove` and `verify-proof`, and `state` print.
"""
