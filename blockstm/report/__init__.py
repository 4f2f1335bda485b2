"""One page that shows the results of replays, simulations, inspections and sweeps.

- `options`: the options of a command, as its output tells them.
- `columns`, `columns_process`: columns of a Parquet file in bounded memory, by a process that may die of it.
- `results`, `sweeps`, `timelines`: what commands, sweeps and timelines say.
- `inputs`: files and folders, and what is in them.
- `numbers`: how numbers are written on the page.
- `parts`, `charts`: what a section is made of: tables, legends, charts in Vega-Lite.
- `series`: runs that differ in the number of cores only.
- `sections`: the sections of the page, a module each.
- `page`: the page.

`read_inputs` reads the files, strictly; `report_page` makes the page. Needs the libraries of the extra
`report` (``pip install -e '.[report]'`` in the checkout).
"""

from blockstm.report.inputs import Inputs, read_inputs
from blockstm.report.page import report_page

__all__ = ["Inputs", "read_inputs", "report_page"]
