"""Every number of the likelihood, and how it was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.ground_truth.entropy import surprise
from snowmelt.evaluation.likelihood.bound_table import Row, mean, rows
from snowmelt.evaluation.likelihood.held_out_examples import HeldOut
from snowmelt.evaluation.likelihood.likelihood_settings import Settings
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.value_kinds import LEAST_PROBABILITY
from snowmelt.evaluation.likelihood.variational_bound import Bound, Terms
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.evaluation.reference_features import data_digest
from snowmelt.training.checkpoint import Checkpoint

Protocol = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        metrics: flat numbers.
        protocols: how, under the name of what was measured, `bound` and `ode`.
        rows: the terms of the bound; see `snowmelt.evaluation.likelihood.bound_table`.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    protocols: dict[str, Protocol] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


def measure(
    section: Mapping[str, Any],
    checkpoint: Checkpoint,
    weights: str,
    data: PreparedData,
    device: torch.device,
    density: Perturbable | None = None,
) -> Found:
    """All that the configuration asks for.

    Args:
        section: `likelihood` of the configuration.
        checkpoint: what was trained.
        weights: which of its weights, "ema" or "raw".
        data: what it was trained on.
        device: where to compute.
        density: the true one, of the data as the model sees it, where it is known.

    Raises:
        UserError: the settings are refused, do not go with the model or the data, or a
            number is not finite.
    """
    settings = Settings.of(section)
    denoiser = checkpoint.denoiser("raw" if weights == "raw" else "ema").to(device)
    settings.check(denoiser)
    held_out = HeldOut(
        checkpoint,
        data,
        denoiser,
        count=settings.examples,
        batch_size=settings.batch_size,
        density=density,
    )
    found = Found()
    common = _common(settings, checkpoint, weights, held_out)
    try:
        if settings.bound is not None:
            how = common | {"settings": dict(section["bound"])}
            _add_bound(found, settings.bound, held_out, settings.seed, how)
        if settings.ode is not None:
            how = common | {"settings": dict(section["ode"])}
            _add_flow(found, settings.ode, held_out, settings.seed, how)
    except ValueError as error:
        raise UserError(f"likelihood: {error}") from error
    for name, value in found.metrics.items():
        if not math.isfinite(value):
            raise UserError(
                f"likelihood: {name} is {value}, so the model answers without bounds"
                " somewhere: set likelihood.bound.clip=true, or train it longer"
            )
    return found


def _common(
    settings: Settings, checkpoint: Checkpoint, weights: str, held_out: HeldOut
) -> Protocol:
    """The protocol, as far as the two measurements share it."""
    manifest = held_out.manifest
    found: Protocol = {
        "data": manifest.name,
        "data_digest": data_digest(manifest),
        "split": "held-out",
        "n": held_out.count,
        "seed": settings.seed,
        "dimensions": math.prod(manifest.shape),
        "weights": weights,
        "labels": "given" if held_out.is_conditional else "none",
        "checkpoint": checkpoint.identity,
        "checkpoint_step": checkpoint.step,
    }
    if held_out.is_discrete:
        return found | {"levels": manifest.levels, "bit_depth": manifest.bits}
    # A density needs a unit of length: the data's own, not the model's.
    return found | {"coordinates": "of the data", "scale": manifest.std}


def _add_bound(
    found: Found, bound: Bound, held_out: HeldOut, seed: int, how: Protocol
) -> None:
    def ask(denoiser: Denoiser, x_0: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        terms = bound.terms(denoiser, x_0, index, held_out.values, seed=seed)
        return terms.prior, terms.steps, terms.reconstruction

    terms = Terms(*held_out.each("bound", ask))
    found.metrics.update(_numbers("bound", terms.total, held_out))
    found.metrics["bound_prior_bits_per_dim"] = float(terms.prior.mean())
    found.metrics["bound_steps_bits_per_dim"] = float(terms.steps.sum(1).mean())
    found.metrics["bound_decoder_bits_per_dim"] = float(terms.reconstruction.mean())
    found.rows.extend(rows(terms, bound, held_out.denoiser.process))
    discrete = f"discretised normal, open tails, at least {LEAST_PROBABILITY:g}"
    how |= {
        "steps": bound.steps,
        "steps_computed": bound.strata,
        "variance": type(bound.variance_for(held_out.denoiser)).__name__,
        "decoder": discrete if held_out.is_discrete else "normal density",
    }
    found.protocols["bound"] = how | {"digest": protocol_digest(how)}


def _add_flow(
    found: Found, flow: ProbabilityFlow, held_out: HeldOut, seed: int, how: Protocol
) -> None:
    def ask(denoiser: Denoiser, x_0: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        measured = flow.measure(denoiser, x_0, index, held_out.values, seed=seed)
        return measured.bits, measured.error

    bits, error = held_out.each("flow", ask)
    found.metrics.update(_numbers("ode", bits, held_out))
    found.metrics["ode_bits_per_dim_step_error"] = abs(float(error.mean()))
    how |= {
        "solver": f"Runge-Kutta of order {flow.order}, equal steps in log-SNR",
        "steps": flow.steps,
        "step_error": "what half as many steps change",
        "divergence": type(flow.divergence).__name__,
        "first_time": flow.first_time,
        "dequantisation": "uniform over a level" if held_out.is_discrete else "none",
    }
    found.protocols["ode"] = how | {"digest": protocol_digest(how)}


def _numbers(name: str, bits: Tensor, held_out: HeldOut) -> dict[str, float]:
    """Mean and standard error; of points also in nats an example, beside the truth."""
    value, error = mean(bits)
    found = {f"{name}_bits_per_dim": value, f"{name}_bits_per_dim_se": error}
    if not held_out.is_discrete:
        nats = math.prod(held_out.manifest.shape) * math.log(2.0)
        found |= {f"{name}_nats": value * nats, f"{name}_nats_se": error * nats}
        found |= _beside_the_truth(name, bits * nats, held_out)
    return found


def _beside_the_truth(name: str, nats: Tensor, held_out: HeldOut) -> dict[str, float]:
    """What the true density gives the same examples, and the mean difference.

    Nothing where the truth is unknown, where the model was told the classes (it was then
    asked for another density than that of the data), or where rounding has put an example
    off the density's support.
    """
    density = held_out.density
    if density is None or held_out.is_conditional:
        return {}
    (true,) = held_out.each(
        f"true density, {name}",
        lambda _, x_0, __: (surprise(density, x_0, held_out.manifest.std or 1.0),),
    )
    if not true.isfinite().all():
        return {}
    found = {}
    for key, values in ((f"{name}_nats_floor", true), (f"{name}_excess_nats", nats - true)):
        found[key], found[f"{key}_se"] = mean(values)
    return found
