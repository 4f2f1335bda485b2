"""Processes of our own: how they are started, what they do first, and how foreign code runs in them.

- `child`: what a process does first: end with its parent, leave Ctrl-C to it, refuse forks.
- `interpreter`: starting another interpreter like this one, and how it ended.
- `logs`: log records of children on their way to the parent's handlers.
- `messages`: bytes and open files over a connected socket.
- `pickling`: programs as bytes.
- `connected`: a process with a connection to it and a lifeline.
- `host`, `host_main`: a process that calls functions for this one and may die of it; its main function.
"""
