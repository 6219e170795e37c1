"""`python -m snowmelt` is the command `snowmelt`."""

from __future__ import annotations

import sys

from snowmelt.pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
