"""snowmelt: denoising diffusion models as a pipeline that can be trusted.

The public names, as configurations spell them, work in Python too:

    import snowmelt as sm

    process = sm.processes.VariancePreserving(sm.schedules.Cosine())

Beside the parts there are a few names of their own: `sm.Denoiser` is a network with its
process and its prediction, `sm.sample` draws from one, and `sm.load` reads a checkpoint
(`sm.Checkpoint`). A name is imported when it is first asked for, so `import snowmelt` alone
costs nothing. `common/public_names.py` lists all names, and `__init__.pyi` their types.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from snowmelt.common import public_names

    return public_names.public(name)


def __dir__() -> list[str]:
    from snowmelt.common import public_names

    return sorted({"__version__", *public_names.PARTS, *public_names.NAMES})
