"""Models of execution side by side on the same blocks: what each comes to, which suits a block, and why.

- `figures`: what models come to on one block, under either clock.
- `simulated`: in modelled time, on any number of cores.
- `measured`: in real time, by turns.
- `verdict`: which model suits a block, and why.
- `gains`: where a model pays against another, over many blocks.
"""

from blockstm.compare.figures import ComparedRun, Comparison, Refused
from blockstm.compare.gains import Gain, gains_of
from blockstm.compare.measured import compare_measured, engines_of
from blockstm.compare.simulated import compare_simulated
from blockstm.compare.verdict import Verdict, verdict_of

__all__ = [
    "ComparedRun",
    "Comparison",
    "Gain",
    "Refused",
    "Verdict",
    "compare_measured",
    "compare_simulated",
    "engines_of",
    "gains_of",
    "verdict_of",
]
