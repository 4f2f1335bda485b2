"""The whole block in modelled time: reads, senders, execution, state root, disk; of one block after the other.

- `latency`: how long a read takes.
- `fields`: the fields of a pipeline file, checked.
- `definition`: what a pipeline file says.
- `work`: what a block asks of each stage.
- `schedule`: how long executing a block takes, and when each of its transactions is final.
- `stages`: the stages as processes of a discrete-event simulation.
- `prediction`: a chain of blocks in each mode, and its figures.
"""

from blockstm.pipeline.definition import MODES, Pipeline, read_pipeline
from blockstm.pipeline.prediction import ChainBlockTimes, Prediction, StageFigures, predict
from blockstm.pipeline.schedule import Executor, engine_executor, given_executor
from blockstm.pipeline.work import BlockWork, work_of_figures, work_of_run

__all__ = [
    "MODES",
    "BlockWork",
    "ChainBlockTimes",
    "Executor",
    "Pipeline",
    "Prediction",
    "StageFigures",
    "engine_executor",
    "given_executor",
    "predict",
    "read_pipeline",
    "work_of_figures",
    "work_of_run",
]
