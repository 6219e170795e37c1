"""What an entry of the catalogue says of a metric."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.evaluation.estimate import Estimate

FREEDOM = "freedom"  # the companion with the degrees of freedom of an error from a few sets
LOWER, HIGHER = "lower is better", "higher is better"
Numbers = dict[str, float | None]
Measured = Estimate | float | None


class Subject(enum.Enum):
    """What a metric is measured of, and hence what its function takes.

    `Examples`, completed examples, a `ModelLikelihood` of the chain or of the probability
    flow, `DenoisingErrors`, `KnownTruth`, or the `Transport` of a flow. The value is the
    key of the protocol in metrics.json.
    """

    SAMPLES = "protocol"
    COMPLETIONS = "completions"
    BOUND = "bound"
    FLOW = "ode"
    DENOISING = "denoising"
    TRUTH = "truth"
    TRANSPORT = "transport"


class Section(enum.Enum):
    """Where the report shows a metric; one of `NONE` stands in metrics.json alone."""

    SAMPLES = "samples"
    LIKELIHOOD = "likelihood"
    GROUND_TRUTH = "ground truth"
    TRANSPORT = "transport"
    NONE = "none"


@dataclass(frozen=True)
class Metric:
    """One number of metrics.json: how it is measured, and how it is read.

    Attributes:
        key: its name in metrics.json and in the tracker.
        label: its name for people; `{features}` stands for the feature extractor, and in
            sections on the model a key of the protocol for its value.
        measure: from the subject to a value, to a value with its spread, or to None where
            the subject has nothing to measure.
        subject: what it is measured of.
        section: where the report shows it.
        unit: of the value; empty for a pure number.
        better: which direction is better, `LOWER`, `HIGHER` or a sentence.
        remark: what else is to be known in order to read it; in sections on the model,
            keys of the protocol stand for their values, or a function says it of metrics
            and protocol.
        floor: the companion `<key>_<floor>` that says what real data gets, or the value
            that real data gets by construction.
        spread: the companion `<key>_<spread>` that holds the standard error.
        is_share: it is shown in per cent.
        applies: whether it is defined for the subject's kind of data.
        ranks: it may rank the jobs of a comparison and lead the report; of several, the
            first that was measured.
        is_over_sets: it compares sets of points, the size of which the protocol names.
        column: its heading beside the ranking metric of a comparison; empty for none.
        compares: a comparison has a verdict by it, beside that of the ranking metric.
        trained: fields of its protocol that say what was trained, not how it was measured,
            so that a comparison is about them.
        sentence: the beginning of a sentence on `{value}` for the report's headline.
    """

    key: str
    label: str
    measure: Callable[[Any], Measured]
    subject: Subject = Subject.SAMPLES
    section: Section = Section.SAMPLES
    unit: str = ""
    better: str = ""
    remark: str | Callable[[Mapping[str, Any], Mapping[str, Any]], str] = ""
    floor: str | float | None = None
    spread: str = "spread"
    is_share: bool = False
    applies: Callable[[Any], bool] = lambda subject: True
    ranks: bool = False
    is_over_sets: bool = False
    column: str = ""
    compares: bool = False
    trained: tuple[str, ...] = ()
    sentence: str = ""

    @property
    def floor_key(self) -> str:
        """The key of the measured floor; empty if there is none."""
        return f"{self.key}_{self.floor}" if isinstance(self.floor, str) else ""

    @property
    def companions(self) -> set[str]:
        """All keys of metrics.json that may belong to it."""
        values = {self.key, self.floor_key} - {""}
        ends = (self.spread, FREEDOM)
        return values | {f"{value}_{end}" for value in values for end in ends}

    def remarks(self, metrics: Mapping[str, Any], protocol: Mapping[str, Any]) -> str:
        if callable(self.remark):
            return self.remark(metrics, protocol)
        return self.remark.format_map(protocol)


def measured(metrics: Iterable[Metric], subject: Any, baseline: Any = None) -> Numbers:
    """The numbers of metrics.json.

    Args:
        baseline: what their floors are measured of; None where the floors are entries of
            their own.
    """
    found: Numbers = {}
    for metric in metrics:
        if not metric.applies(subject):
            continue
        found |= _numbers(metric.key, metric.measure(subject), metric.spread)
        if metric.floor_key and baseline is not None:
            found |= _numbers(metric.floor_key, metric.measure(baseline), metric.spread)
    return found


def _numbers(key: str, value: Measured, spread: str) -> Numbers:
    if value is None:
        return {}
    if isinstance(value, Estimate):
        found = {key: value.value, f"{key}_{spread}": value.spread}
        if math.isfinite(value.freedom):
            found[f"{key}_{FREEDOM}"] = value.freedom
        return found
    return {key: value}
