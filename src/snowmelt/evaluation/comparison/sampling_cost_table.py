"""Quality against cost of sampling as text for the terminal, as CSV and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from snowmelt.common.csv_table import csv_text
from snowmelt.evaluation.comparison.comparison_table import filled
from snowmelt.evaluation.comparison.equivalence import LEVEL, Answer
from snowmelt.evaluation.comparison.sampling_cost import Sampling, SamplingCost
from snowmelt.evaluation.excess import POWER
from snowmelt.evaluation.number_format import number, with_spread

COLUMNS = (
    "training", "sampler", "steps", "evaluations", "samples", "seconds", "samples_a_second",
    "times_as_fast", "metric", "n", "distance", "error", "low", "high", "floor",
    "floor_error", "reference", "ratio", "answer", "samples_needed",
)  # fmt: skip


def cost_table(cost: SamplingCost) -> str:
    """The samplers with aligned columns, and what can be said of them."""
    table = tabulate(cost_rows(cost), "keys", "simple", disable_numparse=True)
    lines = [cost.training] if cost.training else []
    return "\n".join([*lines, table, "", cost_notes(cost), "", summary(cost)])


def cost_rows(cost: SamplingCost) -> list[dict[str, str]]:
    """One row a sampler, of those columns that have a value somewhere."""
    return filled([_row(one, cost) for one in cost.all])


def _row(one: Sampling, cost: SamplingCost) -> dict[str, str]:
    """One sampler; a column without a value stays empty."""
    rate, speed, distance = one.rate, cost.speed(one), one.distance
    return {
        "sampler": one.sampler,
        "steps": _whole(one.steps),
        "evaluations": _whole(one.evaluations),
        "samples": f"{one.count:,}",
        "seconds": "" if one.seconds is None else number(one.seconds),
        "a second": "" if rate is None else number(rate),
        "speed": "" if speed is None else f"{_times(speed)} x",
        cost.metric_label: with_spread(distance.value, distance.error),
        f"like {cost.reference.label}": _answer(one, cost),
    }


def _answer(one: Sampling, cost: SamplingCost) -> str:
    if one.equivalence is None:
        return "-"
    if one.answer is Answer.DIFFERENT:
        is_worse = one.distance.value > cost.reference.distance.value
        return f"{one.answer}: {'worse' if is_worse else 'better'}"
    needed = cost.needed(one)
    if one.answer is Answer.UNKNOWN and needed is not None:
        return f"{one.answer}: {rounded_up(needed)} samples"
    return str(one.answer)


def cost_notes(cost: SamplingCost) -> str:
    """How the columns are to be read."""
    said = [f"n = {cost.n:,}; ±: one standard error, over fresh draws of samples."]
    if cost.floor is not None:
        said[0] += f" A perfect model: {with_spread(cost.floor.value, cost.floor.error)}."
    said += [
        f"Equivalent: within {cost.margin:.0%} of the first, by two one-sided tests at"
        f" {LEVEL:.0%}; different: further off, at the same",
        "level; not known: so many samples, or fewer, would show equality in"
        f" {POWER:.0%} of such sweeps, where there is equality.",
    ]
    reference = cost.reference.distance.value
    if cost.floor is not None and 0 < cost.floor.value < reference:
        share = cost.margin * reference / (reference - cost.floor.value)
        said.append(
            f"The margin is {number(cost.margin * reference)}, {share:.0%} of what"
            f" {cost.reference.label} has above a perfect model."
        )
    return "\n".join(said)


def summary(cost: SamplingCost) -> str:
    """The outcome in a few sentences."""
    alike, unknown = cost.answering(Answer.EQUIVALENT), cost.answering(Answer.UNKNOWN)
    chain = cost.reference.label
    said = []
    if (fastest := cost.fastest) is None:
        said.append(f"No sampler was shown to be equivalent to {chain}.")
    else:
        speed = cost.speed(fastest)
        told = "" if speed is None else f", {_times(speed)} times as fast"
        said.append(
            f"{len(alike)} of {len(cost.others)} are equivalent to {chain}; the fastest is"
            f" {fastest.label}{told}."
        )
    needed = [count for one in unknown if (count := cost.needed(one)) is not None]
    if unknown:
        more = f": {rounded_up(max(needed))} samples of each, or fewer, would show equality"
        said.append(f"Of {len(unknown)} it is not known{more if needed else ''}.")
    if alike:
        said.append(
            f"Each is a test of its own: of samplers that are {cost.margin:.0%} off, one in"
            f" {round(1 / LEVEL)} is called equivalent."
        )
    return " ".join(said)


def cost_csv(costs: Sequence[SamplingCost]) -> str:
    """One line for each sampler of each model."""
    return csv_text([_flat(one, cost) for cost in costs for one in cost.all], COLUMNS)


def _flat(one: Sampling, cost: SamplingCost) -> dict[str, Any]:
    value, error, floor = one.distance.value, one.distance.error, cost.floor
    half = one.distance.half_width
    ratio = None if one.equivalence is None else one.equivalence.ratio
    return {
        "training": cost.training,
        "sampler": one.sampler,
        "steps": one.steps,
        "evaluations": one.evaluations,
        "samples": one.count,
        "seconds": one.seconds,
        "samples_a_second": one.rate,
        "times_as_fast": cost.speed(one),
        "metric": cost.metric,
        "n": cost.n,
        "distance": value,
        "error": error,
        "low": None if half is None else value - half,
        "high": None if half is None else value + half,
        "floor": None if floor is None else floor.value,
        "floor_error": None if floor is None else floor.error,
        "reference": cost.reference.label,
        "ratio": None if ratio is None or math.isnan(ratio) else ratio,
        "answer": "reference" if one.answer is None else str(one.answer),
        "samples_needed": cost.needed(one),
    }


def cost_dict(cost: SamplingCost) -> dict[str, Any]:
    """The outcome as plain values, for JSON."""
    return {
        "training": cost.training,
        "metric": cost.metric,
        "metric_label": cost.metric_label,
        "margin": cost.margin,
        "level": LEVEL,
        "power": POWER,
        "reference": cost.reference.label,
        "fastest_equivalent": None if cost.fastest is None else cost.fastest.label,
        "summary": summary(cost),
        "samplers": [_flat(one, cost) for one in cost.all],
    }


def rounded_up(count: int) -> str:
    """A count with two digits that matter, never too few."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return f"{math.ceil(count / unit) * unit:,}"


def _times(speed: float) -> str:
    """A ratio of speeds, with the two or three digits that a clock gives."""
    return f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}"


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
