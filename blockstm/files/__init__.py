"""Files of any format: read strictly and within bounds, written whole or not at all.

- `descriptors`: file descriptors that are none of the standard ones, even where those are closed.
- `content`: reading in bounded memory, writing a whole file or none.
- `strict_json`, `strict_toml`: JSON and TOML of unknown origin.
- `json_answers`: what nodes of any chain answer in JSON.
"""
