"""What came of a block: receipts, state, figures, timelines; and whether it is right."""
