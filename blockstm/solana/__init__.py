"""Solana blocks: the locks on accounts and the compute units of each transaction, as a node tells them.

- `base58`: how accounts are written.
- `messages`: what a transaction's message says of accounts, from each encoding.
- `locks`: the accounts that validators lock for a transaction, and whether it is a vote.
- `answer`: what `getBlock` answers, read strictly.
- `about`: what a recorded block says of itself: votes, failures.
- `record`: block files of what a node answered.
- `recorder`: what the command line's recorder has to be told.
- `chain_block`, `conventions`, `support`: all of it as one chain's support.

Reading transactions needs the package `solders`, which comes with the extra `solana`
(``pip install -e '.[solana]'`` in the checkout). Importing this package alone does not import it.
"""
