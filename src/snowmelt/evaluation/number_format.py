"""Numbers as a person reads them."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """About three digits that matter: `1,234`, `56.7`, `3.21`, `0.0123`, `2.1e-05`."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and size < 1e15:
        return f"{value:,.0f}"
    if size >= 1000:
        return f"{value:,.0f}"
    if size < 1e-4:
        return f"{value:.1e}"
    return f"{value:.{2 - math.floor(math.log10(size))}f}"


def with_spread(value: float, spread: float | None) -> str:
    """`3.21 ± 0.30`: the spread with two digits, the value with as many decimals."""
    if spread is None or not math.isfinite(spread) or spread <= 0:
        return number(value)
    if max(abs(value), spread) < 1e-4:
        return f"{number(value)} ± {number(spread)}"
    decimals = min(8, max(0, 1 - math.floor(math.log10(spread))))
    return f"{value:,.{decimals}f} ± {spread:,.{decimals}f}"


def percent(share: float) -> str:
    """A share as a percentage, one decimal."""
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
