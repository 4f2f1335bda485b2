"""What came of a block: receipts, state, figures, timelines; and whether it is right.

- `receipts`: how each transaction ended.
- `timeline`, `perfetto`: what each worker did when; the same as trace events for Perfetto.
- `predicates`: what transactions asked about keys without reading their values.
- `transaction_result`: all that a run tells of one transaction.
- `verify`: what is different between two results of a block.
- `result`: receipts, the final state and figures, decoded when they are looked at.
- `outcomes`: how many transactions succeeded, were reverted and failed, and why.
- `accesses`: what each transaction read, changed and added in the end.
- `access_trace_writer`: the access trace of a block that was run.
"""
