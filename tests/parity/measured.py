"""The deviations that the parity tests measure, each by its name."""

from __future__ import annotations

from torch import Tensor

MEASURED: dict[str, float] = {}


def agree(name: str, ours: Tensor, theirs: Tensor, tolerance: float = 1e-5) -> None:
    """Both tensors are the same to `tolerance`, relative to the size of theirs or to 1.

    The largest deviation is kept, so that a table of all of them can be written.
    """
    ours, theirs = ours.double(), theirs.double()
    assert ours.shape == theirs.shape, name
    assert ours.isfinite().all(), name
    scale = theirs.abs().clamp(min=1.0)
    deviation = float(((ours - theirs).abs() / scale).max())
    MEASURED[name] = max(deviation, MEASURED.get(name, 0.0))
    assert deviation < tolerance, f"{name}: {deviation:.2e}"


def table() -> str:
    """What was measured, as Markdown."""
    rows = [f"| {name} | {value:.1e} |" for name, value in sorted(MEASURED.items())]
    return "\n".join(["| compared | largest deviation |", "|---|---|", *rows])
