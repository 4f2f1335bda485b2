# What the cost model gives a price, in ns each. This is the one list of it: Python has its names from here.

cpdef enum Cost:
    COST_TASK = 0               # handing out tasks: moving an index, or the ready set
    COST_EXECUTION = 1          # an incarnation, beside what follows
    COST_READ = 2               # reading a key
    COST_WRITE = 3              # publishing a write
    COST_VALIDATION = 4         # a validation, beside its reads
    COST_VALIDATED_READ = 5     # validating one read
    COST_COMMIT = 6             # committing a transaction
    COST_ATOMIC = 7             # changing a status, a counter, or a list of waiters
    COST_LINE_TRANSFER = 8      # fetching a cache line that another core has had since
    COST_LOOK = 9               # looking for a task
    COST_PAUSE = 10             # one pause of a worker that spins
    COST_WAKE_CALL = 11         # waking a sleeper, for the one that wakes it
    COST_WAKE_UP = 12           # ... until the sleeper runs
    COST_POLL = 13              # looking whether an incarnation is doomed
    COST_ROUND = 14             # a round of work
    COST_GAS = 15               # a unit of gas of a Python program
    COST_IN_ORDER = 16          # a transaction under the sequential model, beside what follows
    COST_READ_IN_ORDER = 17
    COST_WRITE_IN_ORDER = 18
    COST_TREE = 19              # finding one's way in the tree of a key with many writers
    COST_FIRST_TOUCH = 20       # the first touch of a key in a block, out of the order in which keys lie in memory
    COST_PROGRAM = 21           # 1 ns of a program whose time is modelled as a whole
