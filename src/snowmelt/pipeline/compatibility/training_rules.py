"""Compatibility rules of schedule, process, prediction, loss, times and optimiser.

References:
    Lin, Liu, Li & Yang (2024), arXiv:2305.08891, section 3.2 (why eps and a zero terminal
    SNR do not go together).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.losses import Loss, Simple
from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.predictions import Prediction, Score
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.schedule_diagnostics import chain_in, prior_kl
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused, settle
from snowmelt.training.optimizers import Recipe

LARGEST_PRIOR_KL = 0.01  # bits a dimension; the network's own error is about as large
LEAST_LOG_SNR_AT_DATA = 4.0  # noise of 0.13 of the data's spread
NOISE_ONLY = -7.0  # a log-SNR below which an image cannot be distinguished from noise
BATCH = 1024  # times that are drawn for a check


@dataclass(frozen=True)
class Parts:
    """The parts of a training that have to fit each other."""

    process: Process
    prediction: Prediction
    loss: Loss
    time_sampler: TimeSampler
    learned_variance: bool
    precision: str
    optimizer: Recipe

    @property
    def schedule(self) -> NoiseSchedule:
        return self.process.schedule


def built_process(config: Mapping[str, Any]) -> Process:
    """The process of a configuration, along its schedule.

    Raises:
        UserError: an argument is refused, or the process refuses the schedule.
    """
    schedule = build(config["schedule"], NoiseSchedule)
    try:
        return build(config["process"], Process, schedule=schedule)
    except UserError as error:
        raise UserError(f"process, schedule: {error}") from error


def built(config: Mapping[str, Any]) -> Parts:
    """The parts that a configuration names.

    Raises:
        UserError: one of them refuses its arguments.
    """
    denoiser = config.get("denoiser", {})
    return Parts(
        process=built_process(config),
        prediction=build(config["prediction"], Prediction),
        loss=build(config["loss"], Loss),
        time_sampler=build(config["time_sampling"], TimeSampler),
        learned_variance=bool(denoiser.get("learned_variance", False)),
        precision=str(config["trainer"]["precision"]),
        optimizer=build(config["optimizer"], Recipe),
    )


def check(config: Mapping[str, Any]) -> None:
    """Refuse parts that cannot be trained together, and say what is unwise.

    Raises:
        UserError: with the keys, the reason and what to do.
    """
    settle(issues(built(config)))


@torch.no_grad()
def issues(parts: Parts) -> list[CompatibilityIssue]:
    """The issues of the parts of a training, errors first."""
    found = [
        *_ends(parts),
        *_losses(parts),
        *_weights(parts),
        *_curve(parts),
        *_numbers(parts),
    ]
    return sorted(found, key=lambda issue: not issue.is_error)


def is_learned(schedule: NoiseSchedule) -> bool:
    """Whether the schedule, or one inside it, has parameters to train."""
    return isinstance(schedule, nn.Module) and any(True for _ in schedule.parameters())


def named(part: object) -> str:
    return type(part).__name__


def _ends(parts: Parts) -> list[CompatibilityIssue]:
    schedule, process = parts.schedule, parts.process
    if schedule.has_zero_terminal_snr and parts.prediction.needs_signal:
        text = (
            f"{named(parts.prediction)} finds the data by dividing by alpha, which is 0 at"
            f" the end of {named(schedule)} (zero terminal SNR); use prediction=v or"
            " prediction=x_0"
        )
        return [refused(("prediction", "schedule"), text)]
    found = []
    kl = prior_kl(process)
    if kl > LARGEST_PRIOR_KL:
        text = (
            "signal is left at t = 1: sampling starts from the wrong distribution,"
            f" {kl:.2g} bits a dimension off for data of unit variance; let the schedule"
            " end in more noise, or rescale it (schedule=zero_terminal)"
        )
        found.append(CompatibilityIssue(("schedule", "process"), text))
    first = float(process.log_snr(torch.zeros((), dtype=torch.float64)))
    if first < LEAST_LOG_SNR_AT_DATA:
        text = (
            f"the log-SNR at the data is {first:.1f}: detail below the noise that is left"
            " there is never seen; let the schedule start closer to the data"
        )
        found.append(CompatibilityIssue(("schedule",), text))
    return found


def _losses(parts: Parts) -> list[CompatibilityIssue]:
    found = []
    loss, needs = named(parts.loss), parts.loss.needs_learned_variance
    if needs and not parts.learned_variance:
        text = (
            f"{loss} trains the variance of a step, which this network does not output; set"
            " denoiser.learned_variance=true, or use loss=simple"
        )
        found.append(refused(("loss", "denoiser.learned_variance"), text))
    if parts.learned_variance and not needs:
        text = (
            f"{loss} does not train the variance that the network would output, so it would"
            " stay at its initialisation; use loss=hybrid, or"
            " denoiser.learned_variance=false"
        )
        found.append(refused(("loss", "denoiser.learned_variance"), text))
    if is_learned(parts.schedule) and not parts.loss.trains_schedule:
        text = (
            f"{loss} would be minimised by a schedule that avoids the hard noise levels;"
            f" {named(parts.schedule)} needs a loss that trains a schedule (loss=vlb)"
        )
        found.append(refused(("loss", "schedule"), text))
    return found


def _weights(parts: Parts) -> list[CompatibilityIssue]:
    found = []
    loss, prediction = named(parts.loss), named(parts.prediction)
    meant = getattr(parts.loss, "sigma_data", None)
    if meant is not None and getattr(parts.prediction, "sigma_data", None) != meant:
        text = (
            f"{loss} weights the outputs of prediction=edm with sigma_data {meant:g}"
            f" equally; those of this {prediction} get very unequal weights"
        )
        found.append(CompatibilityIssue(("loss", "prediction"), text))
    if isinstance(parts.loss, Simple) and isinstance(parts.prediction, Score):
        text = (
            f"the target of {prediction} grows without bound near the data, and {loss}"
            " would be dominated by it; use loss=min_snr, or prediction=eps"
        )
        found.append(CompatibilityIssue(("loss", "prediction"), text))
    return found


def _curve(parts: Parts) -> list[CompatibilityIssue]:
    found = []
    t, _ = parts.time_sampler(
        torch.arange(BATCH), BATCH, seed=0, step=0, process=parts.process
    )
    wasted = float((parts.process.log_snr(t) < NOISE_ONLY).double().mean())
    if wasted > 0.5:
        text = (
            f"{wasted:.0%} of the times lie at noise so strong (log-SNR below"
            f" {NOISE_ONLY:g}) that there is little to learn"
        )
        found.append(CompatibilityIssue(("schedule", "time_sampling"), text))
    chain = chain_in(parts.schedule)
    if chain is None:
        return found
    if chain.clipped > max(1, chain.steps // 200):
        text = (
            f"{chain.clipped} of {chain.steps} betas were too large and were clipped, which"
            " distorts the end of the curve; use more steps"
        )
        found.append(CompatibilityIssue(("schedule",), text))
    for key, part in (("time_sampling", parts.time_sampler), ("loss", parts.loss)):
        visited = getattr(part, "steps", None)
        if visited is not None and visited != chain.steps:
            text = (
                f"{named(part)} uses {visited} times, but the chain has {chain.steps}"
                " steps: between them its curve is only interpolated"
            )
            found.append(CompatibilityIssue((key, "schedule"), text))
    return found


def _numbers(parts: Parts) -> list[CompatibilityIssue]:
    if parts.precision == "16-mixed" and not parts.optimizer.takes_scaled:
        text = (
            "a fused step unscales the gradients itself, after they were clipped; use"
            " optimizer.implementation=auto, or trainer.precision=bf16-mixed"
        )
        keys = ("optimizer.implementation", "trainer.precision")
        return [refused(keys, text)]
    return []
