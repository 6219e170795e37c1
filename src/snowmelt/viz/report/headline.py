"""The headline of the report: what the numbers say in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import Metric, Subject
from snowmelt.evaluation.catalogue.readings import Reading, readings


def headline_sentences(metrics: Mapping[str, Any], num_samples: int) -> list[str]:
    """How far the samples are, from what, and what real data would get."""
    found = {reading.key: reading for reading in readings(metrics)}
    said = []
    entry = catalogue.ranking(found)
    if entry is not None:
        main = found[entry.key]
        said.append(
            f"{num_samples:,} {_what(metrics)}: {main.label} {main.text}"
            f"{_taken_at(entry, metrics, num_samples)}."
        )
        if entry.subject is Subject.COMPLETIONS:
            said.append(
                f"Another held-out example in its place would be {main.floor_text} away."
            )
        elif main.floor is not None:
            said.append(_against_floor(main, main.value - main.floor))
    for key, reading in found.items():
        metric = catalogue.METRICS.get(key)
        if metric is not None and metric.sentence:
            said.append(_with_floor(metric, reading))
    return said


def _what(metrics: Mapping[str, Any]) -> str:
    """What was measured, against what."""
    protocol = metrics.get("protocol")
    protocol = protocol if isinstance(protocol, Mapping) else {}
    if "left_out" in protocol:
        return "completions of held-out examples"
    if names := list(protocol.get("reference_classes") or ()):
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        told = f"{', '.join(names[:5])}{more}"
        return f"samples of the classes {told} against training examples of the same"
    return "samples against the training split"


def _with_floor(metric: Metric, reading: Reading) -> str:
    floor = f" and of {reading.floor_text} of real ones" if reading.floor_text else ""
    return f"{metric.sentence.format(value=reading.text)}{floor}."


def _taken_at(metric: Metric, metrics: Mapping[str, Any], num_samples: int) -> str:
    """The count that value and floor were both taken at, where it is not all samples."""
    protocol = metrics.get("protocol")
    protocol = protocol if isinstance(protocol, Mapping) else {}
    if metric.is_over_sets and isinstance(protocol.get("points"), Mapping):
        return f", between sets of {protocol['points']['set_size']:,} points"
    count = protocol.get("n")
    if not isinstance(count, int) or count >= num_samples:
        return ""
    floor = ", as the floor is" if metrics.get(metric.floor_key) is not None else ""
    return f", the mean over sets of {count:,} of them{floor}"


def _against_floor(main: Reading, difference: float) -> str:
    """How to read a distance beside that of real data drawn as a model draws."""
    said = (
        f"A perfect model would come out at the floor of {main.floor_text} under the same"
        " protocol, measured on held-out examples that are drawn as a model draws"
    )
    found = main.excess
    if found is None:
        return (
            f"{said}; the samples are {main.plain(difference)} from it, and the error of"
            " that is not known."
        )
    side = "above" if found.value > 0 else "below"
    away = f"{main.plain(abs(found.value))} {side} it ({main.interval_text})"
    if not found.holds_zero:
        return f"{said}; the samples are {away}."
    return (
        f"{said}. The samples are {away}: no difference was found; one of"
        f" {main.plain(found.detectable)} or more would have been found in four of five"
        " such evaluations."
    )
