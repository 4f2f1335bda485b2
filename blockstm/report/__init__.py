"""One page that shows what replays, simulations, inspections and sweeps came to.

`read_inputs` reads them, strictly; `report_page` makes the page. Needs the libraries of the extra
`report` (``pip install -e '.[report]'`` in the checkout).
"""

from blockstm.report.inputs import Inputs, read_inputs
from blockstm.report.page import report_page

__all__ = ["Inputs", "read_inputs", "report_page"]
