"""What is known of one model, from one set of samples of it or several.

Sets of one checkpoint that were drawn under different sampling seeds are draws of one
model: they are pooled, and say nothing of another training. Numbers of the model itself,
such as its likelihood, are the same in all of them and count once.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snowmelt.common.errors import UserError
from snowmelt.common.records import content_digest
from snowmelt.evaluation.catalogue.metric import FREEDOM, Metric, Subject
from snowmelt.evaluation.excess import Excess

# What is measured of samples, and so anew under each sampling seed.
OF_SAMPLES = (Subject.SAMPLES, Subject.COMPLETIONS, Subject.TRANSPORT)


@dataclass(frozen=True)
class Measured:
    """One set of samples, and the content of its metrics.json.

    Attributes:
        name: as it was typed.
        by_example: what metrics that are means are means of, where it is at hand; see
            `snowmelt.evaluation.by_example`.

    Raises:
        UserError: the numbers do not say how they were measured.
    """

    name: str
    metrics: Mapping[str, Any]
    by_example: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers without a protocol."""
        if not isinstance(self.metrics.get("protocol"), Mapping):
            raise UserError(
                f"{self.name} does not say how it was measured: run `snowmelt evaluate`"
                " again"
            )

    @property
    def protocol(self) -> Mapping[str, Any]:
        """How its samples were measured."""
        found: Mapping[str, Any] = self.metrics["protocol"]
        return found

    def protocol_of(self, subject: Subject) -> Mapping[str, Any] | None:
        """How the metrics of a subject were measured; None where they were not."""
        if subject in (Subject.SAMPLES, Subject.COMPLETIONS):
            return self.protocol
        if subject in (Subject.TRUTH, Subject.TRANSPORT):
            found = self.metrics.get(subject.value)
        else:
            both = self.metrics.get("likelihood")
            found = both.get(subject.value) if isinstance(both, Mapping) else None
        return found if isinstance(found, Mapping) else None

    @property
    def drawn_from(self) -> str:
        """Names the checkpoint and how it was sampled, but for the seed."""
        said = self.protocol
        return content_digest(
            {
                "checkpoint": said.get("checkpoint_digest", said.get("checkpoint")),
                "step": said.get("checkpoint_step"),
                **{key: said.get(key) for key in ("weights", "sampler", "guidance")},
            }
        )


@dataclass(frozen=True)
class Known:
    """A number of a model, and how well it is known.

    Attributes:
        error: its standard error; None where nothing is known of it.
        freedom: the degrees of freedom of that error; infinite where it is no estimate from
            a few values.
    """

    value: float
    error: float | None
    freedom: float = math.inf

    @property
    def half_width(self) -> float | None:
        """Of its 95 % interval; None where its error is not known."""
        if self.error is None:
            return None
        return Excess(self.value, self.error, self.freedom).half_width


@dataclass(frozen=True)
class Model:
    """Sets of samples of one model that differ by nothing but the sampling seed."""

    runs: Sequence[Measured]

    @property
    def name(self) -> str:
        return self.runs[0].name

    @property
    def seeds(self) -> list[Any]:
        """The sampling seeds, in the order of the sets."""
        return [run.protocol.get("sample_seed") for run in self.runs]

    @property
    def label(self) -> str:
        """Its name, and how many sampling seeds it stands for."""
        count = len(self.runs)
        return self.name if count == 1 else f"{self.name} ({count} sampling seeds)"

    def known(self, metric: Metric) -> Known | None:
        """The value of a metric over all sets; None where one of them lacks it.

        The error of a mean over sets is made of the error of each, and their degrees of
        freedom add up. Where these are not known, the scatter of the sets stands for them.
        """
        runs = self.runs if metric.subject in OF_SAMPLES else self.runs[:1]
        values = [_number(run.metrics.get(metric.key)) for run in runs]
        if any(value is None for value in values):
            return None
        spreads = [
            _number(run.metrics.get(f"{metric.key}_{metric.spread}")) for run in runs
        ]
        found, count = [value for value in values if value is not None], len(values)
        mean = statistics.fmean(found)
        if all(spreads):
            error = math.hypot(*(spread or 0.0 for spread in spreads)) / count
            few = [run.metrics.get(f"{metric.key}_{FREEDOM}", math.inf) for run in runs]
            return Known(mean, error, sum(few))
        if count > 1 and (scatter := statistics.stdev(found)) > 0:
            return Known(mean, scatter / math.sqrt(count), count - 1)
        return Known(mean, None)


def paired_error(one: Model, two: Model, metric: Metric) -> float | None:
    """The standard error of a difference from pairs of values; None where there are none.

    Pairs are valid where both sides are means over the same number of independent examples,
    and the examples at one place belong together: the same held-out example, or samples of
    one sampling seed, which start from the same noise. Several sets are not paired.
    """
    if len(one.runs) > 1 or len(two.runs) > 1:
        return None
    first, second = (_values(model.runs[0], metric.key) for model in (one, two))
    if first is None or second is None or first.shape != second.shape or len(first) < 2:
        return None
    seeds = (one.seeds[0], two.seeds[0])
    if metric.subject is Subject.SAMPLES and (None in seeds or seeds[0] != seeds[1]):
        return None
    return float(np.std(second - first, ddof=1)) / math.sqrt(len(first))


def _values(run: Measured, key: str) -> np.ndarray | None:
    """What a metric is the mean of, unless that is of another evaluation."""
    values, mean = run.by_example.get(key), run.metrics[key]
    if values is None or not math.isclose(values.mean(), mean, rel_tol=1e-4):
        return None
    return values


def models(runs: Sequence[Measured]) -> list[Model]:
    """The models behind sets of samples, in the order in which they were named.

    Raises:
        UserError: two of the sets hold the same samples, all of them or some.
    """
    found: dict[str, list[Measured]] = {}
    for run in runs:
        found.setdefault(run.drawn_from, []).append(run)
    for group in found.values():
        _check_apart(group)
    digests: dict[Any, str] = {}
    for run in runs:
        digest = run.protocol.get("samples_digest")
        if digest is not None and digest in digests:
            raise UserError(
                f"{digests[digest]} and {run.name} are the same samples: name one of them"
            )
        digests[digest] = run.name
    return [Model(group) for group in found.values()]


def _check_apart(group: Sequence[Measured]) -> None:
    """Refuse sets of one model and one seed: the shorter is the beginning of the longer."""
    seeds: dict[Any, str] = {}
    for run in group:
        seed = run.protocol.get("sample_seed")
        if seed in seeds:
            raise UserError(
                f"{seeds[seed]} and {run.name} hold the same samples of one model"
                f" (sample.seed={seed}): name one of them, or draw others by sample.seed"
            )
        seeds[seed] = run.name


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
