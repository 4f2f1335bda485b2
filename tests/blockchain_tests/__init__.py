"""Official BlockchainTests (ethereum/tests, execution-spec-tests), recorded, executed and checked here."""
