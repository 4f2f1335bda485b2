"""Ethereum blocks: made from what a node says about them, and executed by py-evm.

The parts that need more than blockstm itself (py-evm, coincurve) come with the optional dependencies
`blockstm[ethereum]`. Importing this package alone imports none of them.
"""
