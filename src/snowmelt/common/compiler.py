"""Whether torch can compile a network on this machine."""

from __future__ import annotations

import os
import shutil

LACKING = "there is no C++ compiler here (install g++, or name one in CXX)"


def has_compiler() -> bool:
    """Whether the C++ compiler that `torch.compile` calls is on this machine."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None
