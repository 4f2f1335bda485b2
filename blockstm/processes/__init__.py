"""Processes of our own: how they are started, what they do first, and how foreign code runs in them.

Modules: `descriptors` (above the standard ones), `interpreter` (starting another interpreter), `child` (what that
does first), `logs` (log records of children), `messages` (what goes over a connection), `host` (a process that
calls functions for this one, and may die of it), `host_main` (its main function).
"""
