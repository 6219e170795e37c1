"""Compatibility rules of a sampler, its guidance and a trained denoiser.

References:
    Lin, Liu, Li & Yang (2024), arXiv:2305.08891, section 3.3 (starting at the last step).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.schedule_diagnostics import chain_in, error_factor, prior_kl
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, raise_errors
from snowmelt.pipeline.compatibility.training_rules import (
    LARGEST_PRIOR_KL,
    built_process,
    named,
)
from snowmelt.sampling.guidance.guidance import Guidance
from snowmelt.sampling.samplers.sampler import Sampler

LARGEST_ERROR_FACTOR = 1e3
LEAST_LOG_SNR_OF_LAST = 2.0  # noise of a third of the signal, removed in one go


@dataclass(frozen=True)
class Trained:
    """The parts of a trained denoiser that matter for sampling."""

    process: Process
    prediction: Prediction
    learned_variance: bool
    conditional: bool
    is_points: bool = False


def trained(config: Mapping[str, Any], *, is_points: bool = False) -> Trained:
    """The parts that a configuration, or that of a checkpoint, names.

    Raises:
        UserError: one of them refuses its arguments.
    """
    denoiser = config.get("denoiser", {})
    return Trained(
        process=built_process(config),
        prediction=build(config["prediction"], Prediction),
        learned_variance=bool(denoiser.get("learned_variance", False)),
        conditional=bool(denoiser.get("conditional", False)),
        is_points=is_points,
    )


def check(
    config: Mapping[str, Any], parts: Mapping[str, Any], *, is_points: bool = False
) -> None:
    """Refuse a sampler that does not go with what was trained.

    Args:
        parts: the sections that the training read; those of a checkpoint where one is
            sampled, which may differ from the configuration's.

    Raises:
        UserError: with the keys, the reason and what to do.
    """
    raise_errors(issues(config, trained(parts, is_points=is_points)))


@torch.no_grad()
def issues(config: Mapping[str, Any], parts: Trained) -> list[CompatibilityIssue]:
    """The issues of sampling, errors first.

    Raises:
        UserError: the sampler or the guidance refuses its arguments.
    """
    sampler = build(config["sampler"], Sampler)
    found = [
        *_needs(sampler, parts),
        *_start(sampler, parts),
        *_guidance(config, sampler, parts),
    ]
    return sorted(found, key=lambda issue: not issue.is_error)


def _needs(sampler: Sampler, parts: Trained) -> list[CompatibilityIssue]:
    found = []
    needs, keys = sampler.needs_learned_variance, ("sampler", "denoiser.learned_variance")
    if needs and not parts.learned_variance:
        text = (
            f"{named(sampler)} takes the variance of a step from the network, which was not"
            " trained to answer it; use sampler=ddpm, or train with"
            " denoiser.learned_variance=true loss=hybrid"
        )
        found.append(CompatibilityIssue(keys, text, is_error=True))
    if parts.learned_variance and not needs:
        text = f"{named(sampler)} does not use the variance that the network learned"
        found.append(CompatibilityIssue(keys, text))
    if parts.is_points and sampler.threshold is not None:
        text = (
            "it keeps to the range of images, but the data is points, which have none: set"
            " threshold=none"
        )
        found.append(CompatibilityIssue(("sampler.threshold",), text, is_error=True))
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
    return [CompatibilityIssue(("sampler", "schedule"), text, is_error=True)]


def _grid(sampler: Sampler, parts: Trained) -> list[CompatibilityIssue]:
    """The issues of the time grid, which must begin at noise and end at the data."""
    process = parts.process
    keys = ("sampler.grid", "schedule")
    try:
        times = sampler.times(process)
    except ValueError as error:
        return [CompatibilityIssue(keys, str(error), is_error=True)]
    first, last = times[0], times[-1]
    found = []
    if process.schedule.has_zero_terminal_snr and first < 1:
        text = (
            f"sampling starts at t = {float(first):.3g} from pure noise, but"
            f" {named(process.schedule)} is pure noise at t = 1 only; use grid=trailing"
        )
        return [CompatibilityIssue(keys, text, is_error=True)]
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
    return [*found, *_amplified(sampler, parts, first), *_last(process, last)]


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


def _last(process: Process, last: Tensor) -> list[CompatibilityIssue]:
    """The issues of a last step that has to remove too much noise."""
    log_snr = float(process.log_snr(last))
    if log_snr >= LEAST_LOG_SNR_OF_LAST:
        return []
    text = (
        f"the last step goes from a log-SNR of {log_snr:.1f} straight to the data, which"
        " blurs it; use more steps, or a grid that is uniform in log-SNR"
    )
    return [CompatibilityIssue(("sampler.steps", "sampler.grid", "schedule"), text)]


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
        return [CompatibilityIssue(("guidance", "sampler"), str(error), is_error=True)]
    if parts.conditional or not guidance.needs_labels:
        return []
    text = (
        f"{named(guidance)} needs a conditional network, and this one was trained without"
        " classes; train with denoiser.conditional=true"
    )
    return [CompatibilityIssue(("guidance", "denoiser.conditional"), text, is_error=True)]
