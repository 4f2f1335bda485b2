"""Made-up Ethereum blocks, for what no recorded block has and for mixes that nobody has thought of.

They have the form of the recorded ones: a block as nodes give it, the accounts as they stand before it, hashes of
earlier blocks. The keys of the senders are our own. What the headers say of the outcome is what the oracle makes
of the block; `stateRoot` is zero, as is `receiptsRoot` before Byzantium.
"""
