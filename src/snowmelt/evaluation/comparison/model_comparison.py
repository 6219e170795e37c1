"""Comparing models pair by pair: every other one with the first.

Only numbers that were measured in one way are compared. What is said is about these models,
and names the smallest difference that would have shown wherever none did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric, Section
from snowmelt.evaluation.catalogue.readings import extractor_name
from snowmelt.evaluation.comparison import compared_models, protocol_differences
from snowmelt.evaluation.comparison.compared_models import Measured, Model
from snowmelt.evaluation.comparison.differences import Difference
from snowmelt.evaluation.comparison.disagreement import disagreement
from snowmelt.evaluation.excess import CONFIDENCE
from snowmelt.evaluation.number_format import number


@dataclass(frozen=True)
class Pair:
    """The first model and another one.

    Attributes:
        differences: in every metric that both have, in the order of the catalogue.
    """

    one: Model
    two: Model
    differences: Sequence[Difference]

    def of(self, key: str) -> Difference | None:
        """The difference in a metric, if both have it."""
        return next((d for d in self.differences if d.metric.key == key), None)


@dataclass(frozen=True)
class ModelComparison:
    """Models and their differences.

    Attributes:
        metrics: that all of them have, in the order of the catalogue.
        main: the metric that decides; None where no common one may.
        left_out: metrics that were not measured in one way, with the reason.
        across: what is compared beside models, such as "sampler".
    """

    models: Sequence[Model]
    metrics: Sequence[Metric]
    pairs: Sequence[Pair]
    main: Metric | None
    left_out: dict[str, str]
    across: Sequence[str] = ()

    def label(self, metric: Metric) -> str:
        """A metric's name for people."""
        return label(metric, self.models[0].runs[0])

    @property
    def sentences(self) -> list[str]:
        """The outcome in words: what the first metric says, and what that is about."""
        said = [self._outcome(pair) for pair in self.pairs]
        return [*said, *filter(None, [self._disagreement()]), *self._about()]

    def _disagreement(self) -> str:
        """Where the main metric and the likelihoods differ, by their 95 % intervals."""
        told: dict[str, list[tuple[str, str]]] = {}
        for metric in self.metrics:
            if metric is not self.main and not metric.compares:
                continue
            found = [(pair, pair.of(metric.key)) for pair in self.pairs]
            told[metric.column or self.label(metric)] = [
                (pair.two.name, pair.one.name)
                if one.is_better
                else (pair.one.name, pair.two.name)
                for pair, one in found
                if one is not None and one.is_better is not None
            ]
        return disagreement(told) if self.main is not None else ""

    def _outcome(self, pair: Pair) -> str:
        found = pair.of(self.main.key) if self.main is not None else None
        if found is None or self.main is None:
            return f"{pair.one.name} and {pair.two.name} have no common metric to rank by."
        name = self.label(self.main)
        if found.error is None:
            return (
                f"{name}: the error of {pair.one.name} or {pair.two.name} is not known, so"
                " nothing can be said of their difference."
            )
        assert found.interval is not None
        assert found.smallest is not None
        low, high = found.interval
        if found.is_apart:
            better, worse = (
                (pair.two, pair.one) if found.is_better else (pair.one, pair.two)
            )
            low, high = sorted((abs(low), abs(high)))
            return (
                f"{better.name} is better than {worse.name}: {name} differs by"
                f" {number(abs(found.value))} (95 % interval {number(low)} to"
                f" {number(high)})."
            )
        return (
            f"{pair.one.name} and {pair.two.name} are indistinguishable by {name}: the"
            f" difference is {number(found.value)} (95 % interval {number(low)} to"
            f" {number(high)}), and one of {number(found.smallest)} would have shown four"
            " times out of five. A smaller one may be there."
        )

    def _about(self) -> list[str]:
        said = []
        checkpoints = {model.runs[0].protocol.get("checkpoint") for model in self.models}
        if len(self.models) == 1:
            count = len(self.models[0].runs)
            said.append(
                f"All {count} are one model under {count} sampling seeds: there is no other"
                " model to compare it with."
            )
        elif len(checkpoints) == 1 and self.across:
            said.append("It is one model: what differs is how it was sampled.")
        else:
            said.append(
                "This is about these models, each of one training: another training seed of"
                " the same settings may come out differently. Settings are compared by"
                " several trainings of each: `snowmelt pipeline --multirun seed=0,1,2`."
            )
        if any(len(model.runs) > 1 for model in self.models):
            said.append(
                "Sampling seeds of one checkpoint were pooled: they are draws of one model,"
                " not trainings."
            )
        count = sum(d.error is not None for pair in self.pairs for d in pair.differences)
        if count > 1:
            said.append(
                f"Of {count} intervals of {CONFIDENCE:.0%} about"
                f" {(1 - CONFIDENCE) * count:.1f} exclude zero by chance"
                " alone; the first metric decides."
            )
        return said


def compare_models(
    runs: Sequence[Measured], across: Collection[str] = ()
) -> ModelComparison:
    """Compare the models behind sets of samples.

    Args:
        runs: two or more.
        across: what may differ in their protocols, keys of
            `protocol_differences.ACROSS`.

    Raises:
        UserError: fewer than two, unknown keys, protocols that differ, or sets that hold
            the same samples.
    """
    if len(runs) < 2:
        raise UserError("compare needs two runs or more: name the others, too")
    for name in across:
        if name not in protocol_differences.ACROSS:
            raise UserError(
                f"across={name}: may be {', '.join(protocol_differences.ACROSS)}; all else"
                " decides what a number means"
            )
    protocol_differences.check(runs, across)
    found = compared_models.models(runs)
    left_out: dict[str, str] = {}
    metrics = list(_common_metrics(runs, across, left_out))
    pairs = [
        Pair(found[0], other, _differences(found[0], other, metrics)) for other in found[1:]
    ]
    main = next((m for m in metrics if m.ranks and m.better in (LOWER, HIGHER)), None)
    return ModelComparison(found, metrics, pairs, main, left_out, tuple(across))


def label(metric: Metric, run: Measured) -> str:
    """A metric's name for people, as the protocol fills it in; else its key."""
    fields: dict[str, Any] = dict(run.protocol_of(metric.subject) or {})
    try:
        return metric.label.format_map(fields | {"features": extractor_name(run.metrics)})
    except KeyError:
        return metric.key


def _common_metrics(
    runs: Sequence[Measured], across: Collection[str], left_out: dict[str, str]
) -> Iterable[Metric]:
    """The metrics of a model that every set has, measured in one way.

    A number without a direction and a floor, such as the accuracy of a classifier on real
    data, is no metric of a model.
    """
    for metric in catalogue.METRICS.values():
        is_of_model = bool(metric.better) or metric.floor is not None
        has = [isinstance(run.metrics.get(metric.key), int | float) for run in runs]
        if not is_of_model or metric.section is Section.NONE or not any(has):
            continue
        if reason := _reason_against(metric, runs, has, across):
            left_out[label(metric, runs[has.index(True)])] = reason
        else:
            yield metric


def _reason_against(
    metric: Metric, runs: Sequence[Measured], has: Sequence[bool], across: Collection[str]
) -> str:
    """Why a metric cannot be compared; empty if it can."""
    if not all(has):
        return f"{runs[has.index(False)].name} lacks it"
    protocols = [run.protocol_of(metric.subject) for run in runs]
    if None in protocols:
        return "it is not said how it was measured"
    first, *others = (protocol or {} for protocol in protocols)
    for other in others:
        apart = protocol_differences.differing_fields(first, other, across, metric.trained)
        if apart:
            return f"measured with different {apart[0]}"
    return ""


def _differences(one: Model, two: Model, metrics: Iterable[Metric]) -> list[Difference]:
    found = []
    for metric in metrics:
        first, second = one.known(metric), two.known(metric)
        if first is not None and second is not None:
            paired = compared_models.paired_error(one, two, metric)
            found.append(Difference(metric, first, second, paired))
    return found
