"""Measuring: what parallel execution of a block gains, told by runs that start warm and take turns.

- `spread`: what several runs come to: the median, and how far they are apart.
- `runs`: runs of a block that are to be compared: warm, by turns, checked.
- `measurement`: the block run both ways several times, and summed up.
"""

from blockstm.measure.measurement import Measurement, measure, steps_of
from blockstm.measure.runs import RunFigures, Runs, Turn
from blockstm.measure.spread import Spread, spread_of

__all__ = ["Measurement", "RunFigures", "Runs", "Spread", "Turn", "measure", "spread_of", "steps_of"]
