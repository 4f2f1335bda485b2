"""Make ``python -m blockstm`` the same as the command ``blockstm``."""

import sys

from blockstm.cli import main

if __name__ == "__main__":
    sys.exit(main())
