"""Named curves in one panel."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from snowmelt.viz.style import new_axes, series, styled


@styled
def named_lines(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x: str,
    y: str,
    title: str = "",
    is_logarithmic: bool = False,
) -> Figure:
    """Curves that differ in colour and line style.

    Curves whose names differ only in what follows a comma belong together: `cosine, seed 0`
    and `cosine, seed 1` look alike and share one entry of the legend, `cosine`.

    Args:
        curves: under the name of each its abscissas (N) and ordinates (N).
        is_logarithmic: whether the y-axis is.

    Raises:
        ValueError: there are no curves.
    """
    if not curves:
        raise ValueError("there are no curves to draw")
    figure, (axes,) = new_axes(7.2, 3.6)
    families = list(dict.fromkeys(name.partition(",")[0] for name in curves))
    named: set[str] = set()
    for name, (abscissas, ordinates) in curves.items():
        family = name.partition(",")[0]
        label = None if family in named else family
        axes.plot(abscissas, ordinates, label=label, **series(families.index(family)))
        named.add(family)
    axes.set(xlabel=x, ylabel=y, title=title)
    if is_logarithmic:
        axes.set_yscale("log")
    axes.legend()
    return figure
