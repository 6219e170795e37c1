"""snowmelt: denoising diffusion models as a pipeline that can be trusted.

The public names, as configurations spell them, work in Python too:

    import snowmelt as sm

    process = sm.processes.VariancePreserving(sm.schedules.Cosine())

A part is imported when it is first asked for, so `import snowmelt` alone costs nothing.
"""

from __future__ import annotations

from types import ModuleType

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    if name.startswith("__"):
        raise AttributeError(name)
    from snowmelt.common import public_names

    return public_names.part(name)
