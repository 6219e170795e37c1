"""Starts: where a journey to the data begins.

Diffusion begins with normal noise. Flows and bridges may begin with anything that can be
drawn: another data set, points of a known density, or the data itself, degraded. Stage
prepare draws and keeps it beside the data (`snowmelt.data.prepared.start_points`), and
whoever needs starts later reads them there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from snowmelt.common.argument_checks import check_not_negative
from snowmelt.common.bounds import NotNegative
from snowmelt.data.sources.source import Source
from snowmelt.diffusion.operators import ImageOperator


class Start(ABC):
    """Where a journey begins."""

    @property
    @abstractmethod
    def source(self) -> Source | None:
        """The source of its examples; None for noise, and for what is made of the data."""

    @property
    def degradation(self) -> ImageOperator | None:
        """What makes it of the data; None where it is not made of that."""
        return None


class Normal(Start):
    """Standard normal noise, in the model's units."""

    @property
    def source(self) -> None:
        return None


class DataSet(Start):
    """The examples of a source, as every source of data has them.

    Args:
        of: the source. Points are in the units of the data that they are carried to.
    """

    def __init__(self, of: Source) -> None:
        self.of = of

    @property
    def source(self) -> Source:
        return self.of


class Degraded(Start):
    r"""The images of the data, each as a measurement shows it.

    $x_1 = A^+ A x_0 + s\,(I - A^+ A)\,n$ with normal noise n.

    Row k of the starts is made of row k of the data, in both splits, so with
    `coupling=paired` a flow learns to undo the degradation. One degraded image has many
    originals. Without noise the flow has one answer to each, which tends to their mean;
    with it every noise has an answer of its own, drawn from the originals that there are.

    The noise falls on what A does not see, so that start, original and every state of a
    rectified flow between them measure the same: the network is told the measurement by the
    state itself.

    Args:
        by: the measurement A.
        noise_std: s, in the model's range; of about the size of what was taken away. It is
            drawn anew at each step of a training and for each sample.

    Raises:
        ValueError: a negative noise.

    References:
        Albergo, Goldstein, Boffi, Ranganath & Vanden-Eijnden (2024), arXiv:2310.03725
        (starts that depend on the data); theirs is noisy everywhere.
    """

    def __init__(self, by: ImageOperator, noise_std: NotNegative = 0.0) -> None:
        check_not_negative(noise_std=noise_std)
        self.by, self.noise_std = by, noise_std

    @property
    def source(self) -> None:
        return None

    @property
    def degradation(self) -> ImageOperator:
        return self.by
