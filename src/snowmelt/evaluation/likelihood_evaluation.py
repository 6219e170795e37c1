"""Every number of the likelihood, and how it was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.common.process_group import at_work
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.catalogue import Subject, measured_of
from snowmelt.evaluation.catalogue.metric import measured
from snowmelt.evaluation.likelihood import variance_fit
from snowmelt.evaluation.likelihood.bound_table import rows
from snowmelt.evaluation.likelihood.denoising_error import (
    DenoisingErrors,
    covered,
    squared_errors,
)
from snowmelt.evaluation.likelihood.example_terms import Terms
from snowmelt.evaluation.likelihood.held_out_examples import HeldOut
from snowmelt.evaluation.likelihood.likelihood_metrics import ModelLikelihood
from snowmelt.evaluation.likelihood.measurements import Measurements
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.value_kinds import LEAST_PROBABILITY
from snowmelt.evaluation.likelihood.variational_bound import Bound
from snowmelt.evaluation.protocol import Evaluation, of_checkpoint, protocol_digest
from snowmelt.evaluation.settings import LikelihoodSettings
from snowmelt.training.checkpoint import Checkpoint, Weights

Protocol = dict[str, Any]


def measure(
    section: Mapping[str, Any],
    checkpoint: Checkpoint,
    weights: Weights,
    data: PreparedData,
    device: torch.device,
    density: Perturbable | None = None,
) -> Evaluation:
    """All that the configuration asks for.

    Args:
        section: `likelihood` of the configuration.
        density: the true one, of the data as the model sees it, where it is known.

    Returns:
        The protocol has an entry for `denoising`, see
        `snowmelt.evaluation.likelihood.denoising_error`, and for each of `bound` and `ode`
        that was measured; the rows
        are the terms of the bound, see `snowmelt.evaluation.likelihood.bound_table`.

    Raises:
        UserError: the settings are refused, do not go with the model or the data, or a
            number is not finite.
    """
    settings = LikelihoodSettings.of(section)
    wanted = Measurements.of(settings)
    denoiser = checkpoint.denoiser(weights).to(device)
    if (reason := wanted.left_out(denoiser)) is not None and at_work().rank == 0:
        print(f"likelihood: the probability flow is left out: {reason}")
    wanted = wanted.applicable(denoiser)
    held_out = HeldOut(
        checkpoint,
        data,
        denoiser,
        count=settings.examples,
        batch_size=settings.batch_size,
        density=density,
    )
    found = Evaluation()
    common = _common(settings, checkpoint, weights, held_out)
    if wanted.bound is not None or wanted.ode is not None:
        _add_denoising(found, held_out, settings.seed, common)
    try:
        if wanted.bound is not None:
            how = common | {"settings": dict(section["bound"])}
            _add_bound(found, wanted.bound, held_out, settings.seed, how)
        if wanted.ode is not None:
            some = held_out.first(settings.ode_examples or held_out.count)
            how = common | {"settings": dict(section["ode"]), "n": some.count}
            _add_flow(found, wanted.ode, some, settings.seed, how)
    except ValueError as error:
        raise UserError(f"likelihood: {error}") from error
    for name, value in found.metrics.items():
        if value is not None and not math.isfinite(value):
            raise UserError(
                f"likelihood: {name} is {value}, so the model answers without bounds"
                " somewhere: set likelihood.bound.clip=true, or train it longer"
            )
    return found


def _common(
    settings: LikelihoodSettings, checkpoint: Checkpoint, weights: str, held_out: HeldOut
) -> Protocol:
    """The protocol, as far as the two measurements share it."""
    manifest = held_out.manifest
    found = of_checkpoint(checkpoint, weights) | {
        "n": held_out.count,
        "seed": settings.seed,
        "dimensions": math.prod(manifest.shape),
        "labels": "given" if held_out.is_conditional else "none",
    }
    if held_out.is_discrete:
        return found | {"levels": manifest.levels, "bit_depth": manifest.bits}
    # A density needs a unit of length: the data's own, not the model's.
    return found | {"coordinates": "of the data", "scale": manifest.std}


def _add_bound(
    found: Evaluation, bound: Bound, held_out: HeldOut, seed: int, how: Protocol
) -> None:
    bound = bound.placed(held_out.denoiser, held_out.values)
    bound = _fitted(bound, held_out, seed, how)

    def ask(denoiser: Denoiser, x_0: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        terms = bound.terms(denoiser, x_0, index, held_out.values, seed=seed)
        return terms.prior, terms.steps, terms.reconstruction, terms.small_steps

    terms = Terms(*held_out.each("bound", ask))
    model = ModelLikelihood(held_out, terms.total, terms=terms)
    found.metrics.update(measured(measured_of(Subject.BOUND), model))
    found.by_example["bound_bits_per_dim"] = model.bits.cpu().numpy()
    found.rows.extend(rows(terms, bound, held_out.denoiser.process))
    discrete = f"discretised normal, open tails, at least {LEAST_PROBABILITY:g}"
    how |= {
        "steps": bound.steps,
        "steps_computed": bound.strata,
        "first_time": bound.first_time,
        "variance": type(bound.variance_for(held_out.denoiser)).__name__,
        "decoder": discrete if held_out.is_discrete else "normal density",
    }
    found.protocol["bound"] = how | {"digest": protocol_digest(how)}


def _add_denoising(found: Evaluation, held_out: HeldOut, seed: int, how: Protocol) -> None:
    """The error at fixed noise levels, beside which losses of schedules are compared."""
    levels = covered(held_out.denoiser.process)
    if not levels:
        return

    def ask(denoiser: Denoiser, x_0: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        return (squared_errors(denoiser, x_0, index, levels, seed=seed),)

    (by_example,) = held_out.each("denoising", ask)
    if not by_example.isfinite().all():  # the bound may clip what the network answers
        if at_work().rank == 0:
            print("likelihood: the denoising error is left out: it is not finite")
        return
    errors = DenoisingErrors(levels, by_example)
    found.metrics.update(measured(measured_of(Subject.DENOISING), errors))
    if errors.is_whole:
        found.by_example["denoising_error"] = by_example.mean(1).cpu().numpy()
    how = how | {"log_snr": levels}
    found.protocol["denoising"] = how | {"digest": protocol_digest(how)}


def _fitted(bound: Bound, held_out: HeldOut, seed: int, how: Protocol) -> Bound:
    """The bound with its variance fitted to the errors on training data, if it is so."""
    variance = variance_fit.fitting(bound, held_out.denoiser)
    if variance is None:
        return bound

    def ask(denoiser: Denoiser, x_0: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        return (variance_fit.errors(bound, variance, denoiser, x_0, index, seed=seed),)

    (errors,) = held_out.each_of_training(variance.examples, "errors of the network", ask)
    if not errors.isfinite().all():
        raise ValueError(
            "the network's errors on training data are not finite, so it answers without"
            " bounds somewhere: set likelihood.bound.clip=true, or train it longer"
        )
    how["variance_fitted_on"] = {"split": "training", "n": len(errors)}
    return variance_fit.fitted(bound, variance, held_out.denoiser.process, errors)


def _add_flow(
    found: Evaluation, flow: ProbabilityFlow, held_out: HeldOut, seed: int, how: Protocol
) -> None:
    def ask(denoiser: Denoiser, x_0: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        return flow.measure(denoiser, x_0, index, held_out.values, seed=seed)

    bits, error = held_out.each("flow", ask)
    model = ModelLikelihood(held_out, bits, step_error=error)
    found.metrics.update(measured(measured_of(Subject.FLOW), model))
    found.by_example["ode_bits_per_dim"] = model.bits.cpu().numpy()
    how |= {
        "solver": f"Runge-Kutta of order {flow.order}, equal steps in log-SNR",
        "steps": flow.steps,
        "step_error": "what half as many steps change",
        "divergence": type(flow.divergence).__name__,
        "first_time": flow.first_time_of(held_out.denoiser.process, held_out.values),
        "dequantisation": flow.start.said if held_out.is_discrete else "none",
    }
    found.protocol["ode"] = how | {"digest": protocol_digest(how)}
