"""Tables as others take them.

- `arrow`: Arrow, for data tools.
- `html`: short tables in HTML, for notebooks.
"""
