"""Compatibility rules of a sampler, its guidance and a trained denoiser.

References:
    Lin, Liu, Li & Yang (2024), arXiv:2305.08891, section 3.3 (starting at the last step).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from snowmelt.common.instantiate import build, plain
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.schedule_diagnostics import chain_in, error_factor, prior_kl
from snowmelt.pipeline.compatibility import dry_run_rules, flow_sampling_rules
from snowmelt.pipeline.compatibility.combination import Combination
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused, settle
from snowmelt.pipeline.compatibility.training_rules import (
    LARGEST_PRIOR_KL,
    built_process,
    named,
)
from snowmelt.sampling.guidance.guidance import Guidance
from snowmelt.sampling.samplers.sampler import Sampler

LARGEST_ERROR_FACTOR = 1e3
LARGEST_AMPLIFICATION = 30.0  # an error of a thirtieth becomes as large as the data
TRAINED = ("schedule", "process", "prediction")
PAIRED = ("start", "coupling", "interpolant")
DRAWN = ("sampler", "guidance")


@dataclass(frozen=True)
class Trained:
    """The parts of a trained denoiser that matter for sampling.

    Attributes:
        sections: of the configuration, that the process and the prediction were built from.
        paired: those that say what the data was paired with, where there are any.
        shape: of an event; None where that is not known yet.
    """

    process: Process
    prediction: Prediction
    learned_variance: bool
    conditional: bool
    sections: Mapping[str, Any]
    paired: Mapping[str, Any] = field(default_factory=dict)
    with_score: bool = False
    is_points: bool = False
    shape: tuple[int, ...] | None = None


def trained(
    config: Mapping[str, Any],
    *,
    is_points: bool = False,
    shape: tuple[int, ...] | None = None,
) -> Trained:
    """The parts that a configuration, or that of a checkpoint, names.

    Args:
        is_points, shape: what is known of the data.

    Raises:
        UserError: one of them refuses its arguments.
    """
    denoiser = config.get("denoiser", {})
    return Trained(
        process=built_process(config),
        prediction=build(config["prediction"], Prediction),
        learned_variance=bool(denoiser.get("learned_variance", False)),
        conditional=bool(denoiser.get("conditional", False)),
        sections={name: plain(config[name]) for name in TRAINED},
        paired={name: plain(config[name]) for name in PAIRED if name in config},
        with_score=bool(denoiser.get("with_score", False)),
        is_points=is_points,
        shape=shape,
    )


def check(
    config: Mapping[str, Any],
    parts: Mapping[str, Any],
    *,
    is_points: bool = False,
    shape: tuple[int, ...] | None = None,
) -> None:
    """Refuse a sampler that does not go with what was trained, and say what is unwise.

    Args:
        parts: the sections that the training read; those of a checkpoint where one is
            sampled, which may differ from the configuration's.

    Raises:
        UserError: with the keys, the reason and what to do.
    """
    settle(issues(config, trained(parts, is_points=is_points, shape=shape)))


@torch.no_grad()
def issues(
    config: Mapping[str, Any], parts: Trained, *, is_run: bool = True
) -> list[CompatibilityIssue]:
    """The issues of sampling, errors first.

    Args:
        is_run: whether there is a dry run; see `dry_run_rules`.

    Raises:
        UserError: the sampler or the guidance refuses its arguments.
    """
    sampler = build(config["sampler"], Sampler)
    found = [
        *_needs(sampler, parts),
        *_start(sampler, parts),
        *_guidance(config, sampler, parts),
        *_flow(config, sampler, parts),
    ]
    # A bridge's noise is not that of diffusion, which a dry run would add.
    is_run &= not (parts.with_score and sampler.draws)
    if is_run and not any(issue.is_error for issue in found):
        found += dry_run_rules.issues(combination(config, parts))
    return sorted(found, key=lambda issue: not issue.is_error)


def _flow(
    config: Mapping[str, Any], sampler: Sampler, parts: Trained
) -> list[CompatibilityIssue]:
    """The issues of a flow that is no diffusion."""
    guidance = build(config["guidance"], Guidance)
    trained = {**parts.sections, **parts.paired}
    return flow_sampling_rules.sampling_issues(sampler, guidance, trained, parts.with_score)


def combination(config: Mapping[str, Any], parts: Trained) -> Combination:
    """What decides where the sampler of a configuration ends with a trained denoiser."""
    sections = {**parts.sections, **{name: plain(config[name]) for name in DRAWN}}
    return Combination(
        json.dumps(sections), parts.learned_variance, parts.shape, parts.is_points
    )


def _needs(sampler: Sampler, parts: Trained) -> list[CompatibilityIssue]:
    found = []
    needs, keys = sampler.needs_learned_variance, ("sampler", "denoiser.learned_variance")
    if needs and not parts.learned_variance:
        text = (
            f"{named(sampler)} takes the variance of a step from the network, which was not"
            " trained to answer it; use sampler=ddpm, or train with"
            " denoiser.learned_variance=true loss=hybrid"
        )
        found.append(refused(keys, text))
    if parts.learned_variance and not needs:
        text = f"{named(sampler)} does not use the variance that the network learned"
        found.append(CompatibilityIssue(keys, text))
    if parts.is_points and sampler.threshold is not None:
        text = (
            "it keeps to the range of images, but the data is points, which have none: set"
            " threshold=none"
        )
        found.append(refused(("sampler.threshold",), text))
    return found


def _start(sampler: Sampler, parts: Trained) -> list[CompatibilityIssue]:
    schedule = parts.process.schedule
    if not (schedule.has_zero_terminal_snr and sampler.needs_finite_slope):
        return _grid(sampler, parts)
    text = (
        f"{named(sampler)} follows an equation whose rate is infinite at the end of"
        f" {named(schedule)} (zero terminal SNR), where sampling has to start; use"
        " sampler=ddim or sampler=ddpm"
    )
    return [refused(("sampler", "schedule"), text)]


def _grid(sampler: Sampler, parts: Trained) -> list[CompatibilityIssue]:
    """The issues of the time grid, which must begin at noise and end at the data."""
    process = parts.process
    keys = ("sampler.grid", "schedule")
    try:
        times = sampler.times(process)
    except ValueError as error:
        return [refused(keys, str(error))]
    first = times[0]
    found = []
    if process.schedule.has_zero_terminal_snr and first < 1:
        text = (
            f"sampling starts at t = {float(first):.3g} from pure noise, but"
            f" {named(process.schedule)} is pure noise at t = 1 only; use grid=trailing"
        )
        return [refused(keys, text)]
    kl = prior_kl(process, float(first))
    if first < 1 and kl > max(LARGEST_PRIOR_KL, prior_kl(process)):
        text = (
            f"sampling starts from pure noise at t = {float(first):.3g}, where signal is"
            f" left ({kl:.2g} bits a dimension off); use grid=trailing"
        )
        found.append(CompatibilityIssue(keys, text))
    visited, chain = getattr(sampler.grid, "chain_steps", None), chain_in(process.schedule)
    if visited is not None and chain is not None and visited != chain.steps:
        text = (
            f"the grid is that of a chain of {visited} steps, the schedule's chain has"
            f" {chain.steps}; set sampler.grid.chain_steps={chain.steps}"
        )
        found.append(CompatibilityIssue(keys, text))
    return [*found, *_amplified(sampler, parts, first)]


def _amplified(sampler: Sampler, parts: Trained, first: Tensor) -> list[CompatibilityIssue]:
    """The issues of a first step that amplifies the network's error."""
    if not parts.prediction.needs_signal or sampler.threshold is not None:
        return []
    factor = error_factor(parts.process, parts.prediction, first)
    if factor <= LARGEST_ERROR_FACTOR:
        return []
    text = (
        f"at the first step an error of {named(parts.prediction)} becomes one"
        f" {factor:.2g} times as large of the data, and nothing cuts it; use prediction=v,"
        " or threshold=clip for images"
    )
    return [CompatibilityIssue(("prediction", "schedule", "threshold"), text)]


def _guidance(
    config: Mapping[str, Any], sampler: Sampler, parts: Trained
) -> list[CompatibilityIssue]:
    """The issues of guidance, which may need a conditional network or certain samplers.

    Raises:
        UserError: the guidance refuses its arguments.
    """
    guidance = build(config["guidance"], Guidance)
    try:
        guidance.check_sampler(sampler)
    except ValueError as error:
        return [refused(("guidance", "sampler"), str(error))]
    found = []
    if guidance.amplification > LARGEST_AMPLIFICATION:
        text = (
            f"it multiplies the errors of the network by {guidance.amplification:g}, which"
            " drives samples to the edges of the data; scales of 1 to 15 are usual"
        )
        found.append(CompatibilityIssue(("guidance.scale",), text))
    if parts.conditional or not guidance.needs_labels:
        return found
    text = (
        f"{named(guidance)} needs a conditional network, and this one was trained without"
        " classes; train with denoiser.conditional=true"
    )
    return [refused(("guidance", "denoiser.conditional"), text)]
