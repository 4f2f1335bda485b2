"""Blocks: transactions in their order and the state that they start from; and the files that hold them."""
