"""`python -m tests.parity`: run the parity tests, then print every deviation as a table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.parity.measured import table

if __name__ == "__main__":
    folder = str(Path(__file__).parent)
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", folder])
    print(table())
    sys.exit(status)
