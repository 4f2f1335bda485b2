"""Run the example: an election with a voter who tries twice. The argument: where the program's code is."""

import sys

import blockstm

vote = blockstm.NativeProgram(
    "vote",
    (blockstm.Parameter("voter", "key"), blockstm.Parameter("candidate", "key")),
    sys.argv[1],
)

if __name__ == "__main__":
    votes = [vote.txn(b"voter-%d" % (i % 999), b"candidate-%d" % (i % 3)) for i in range(1000)]
    with blockstm.Engine(workers=2) as engine:
        result = engine.execute(blockstm.Block(votes))
    for key in (b"candidate-0", b"candidate-1", b"candidate-2"):
        print(key.decode(), int.from_bytes(result.state[key], "big"))
    print(result.receipts[999].status, result.receipts[999].error)
