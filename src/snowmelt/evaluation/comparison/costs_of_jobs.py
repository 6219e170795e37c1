"""The jobs of a sweep over samplers as quality against cost, model by model."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import FREEDOM, LOWER, Metric
from snowmelt.evaluation.comparison import protocol_differences
from snowmelt.evaluation.comparison.compared_jobs import Job
from snowmelt.evaluation.comparison.compared_models import Known, Measured, Model, models
from snowmelt.evaluation.comparison.equivalence import Equivalence
from snowmelt.evaluation.comparison.model_comparison import label
from snowmelt.evaluation.comparison.sampling_cost import Sampling, SamplingCost

# What a setting says beside the kind of sampler: how much it draws, and in which steps.
_AMOUNT = ("sampler", "sampler.steps", "sample.num_samples", "sample.batch_size")


def sampling_costs(jobs: Sequence[Job], margin: float) -> list[SamplingCost]:
    """The cost of samplers for each model that several of them drew from.

    Args:
        jobs: in their order; of each model the first that finished is the reference.
        margin: what difference is none, as a share of the reference.

    Returns:
        Nothing for jobs that differ by more than samplers and seeds.
    """
    by_model: dict[str, list[Job]] = {}
    for job in jobs:
        if not job.has_failed and "checkpoint" in (job.metrics or {}).get("protocol", {}):
            by_model.setdefault(str(_protocol(job)["checkpoint"]), []).append(job)
    found = [
        _of_model(some, margin, _training(some[0]) if len(by_model) > 1 else "")
        for some in by_model.values()
    ]
    return [cost for cost in found if cost is not None]


def _of_model(jobs: Sequence[Job], margin: float, training: str) -> SamplingCost | None:
    """The samplers of one model; None where nothing but their seeds differs."""
    runs = {job.name: Measured(job.name, job.metrics or {}) for job in jobs}
    try:
        protocol_differences.check(list(runs.values()), across=("sampler",))
        drawn = models(list(runs.values()))
    except UserError:
        return None  # the ranking of the jobs says why they do not compare
    metric = _metric(jobs)
    if metric is None:
        return None
    by_name = {job.name: job for job in jobs}
    each = [
        _sampling([by_name[run.name] for run in model.runs], model, metric)
        for model in drawn
    ]
    known = [one for one in each if one is not None]
    if len(known) < 2:
        return None
    reference, *others = known
    order = list(dict.fromkeys(one.sampler for one in others))
    others.sort(key=lambda one: (order.index(one.sampler), one.evaluations or 0))
    first = drawn[0].runs[0]
    return SamplingCost(
        training=training,
        metric=metric.key,
        metric_label=label(metric, first),
        n=int(first.protocol["n"]),
        floor=_floor(metric, first.metrics),
        reference=reference,
        others=[
            replace(one, equivalence=Equivalence(reference.distance, one.distance, margin))
            for one in others
        ],
        margin=margin,
    )


def _metric(jobs: Sequence[Job]) -> Metric | None:
    """The distance that ranks jobs, if all of them measured it."""
    common = set.intersection(*(set(job.metrics or {}) for job in jobs))
    found = catalogue.ranking(common)
    return found if found is not None and found.better == LOWER else None


def _sampling(jobs: Sequence[Job], model: Model, metric: Metric) -> Sampling | None:
    """A sampler, from its jobs under one sampling seed or several."""
    distance, protocol = model.known(metric), _protocol(jobs[0])
    if distance is None:
        return None
    seconds = [job.sampling_seconds for job in jobs]
    known = [one for one in seconds if one is not None]
    return Sampling(
        sampler=_name(jobs[0]),
        steps=protocol.get("steps"),
        evaluations=protocol.get("evaluations"),
        count=sum(_protocol(job)["num_samples"] for job in jobs),
        seconds=sum(known) if len(known) == len(seconds) else None,
        distance=distance,
    )


def _name(job: Job) -> str:
    """The sampler as it was chosen, else its class; and what else sets it apart."""
    target = str(_protocol(job)["sampler"].get("_target_", "")).rpartition(".")[2]
    chosen = (
        job.overrides.get("sampler") or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", target).lower()
    )
    rest = [
        f"{key.removeprefix('sampler.')}={value}"
        for key, value in job.setting.items()
        if key.partition(".")[0] in ("sampler", "grid", "threshold") and key not in _AMOUNT
    ]
    return " ".join([str(chosen), *rest])


def _training(job: Job) -> str:
    """The overrides of a job that its model follows from."""
    sampling = ("sampler", "sample", "grid", "threshold", "guidance")
    return ", ".join(
        f"{key}={value}"
        for key, value in job.overrides.items()
        if key.partition(".")[0] not in sampling
    )


def _floor(metric: Metric, metrics: Mapping[str, Any]) -> Known | None:
    value = metrics.get(metric.floor_key)
    if not isinstance(value, int | float):
        return None
    error = metrics.get(f"{metric.floor_key}_{metric.spread}")
    freedom = metrics.get(f"{metric.floor_key}_{FREEDOM}", math.inf)
    return Known(float(value), error, freedom)


def _protocol(job: Job) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (job.metrics or {})["protocol"]
    return found
