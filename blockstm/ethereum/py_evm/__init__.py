"""py-evm, with its accounts in the multi-version memory.

- `codes`, `accounts`: what it takes of the state.
- `precompiles`, `osaka`: where it is corrected, and what it lacks.
- `machine`, `execution`: the virtual machine of a block; a transaction in it.
- `mappingcontext`, `dryrun`: it over a mapping: the block executed here, to find what its state lacks.
- `invalid`: why a transaction cannot be executed.
"""
