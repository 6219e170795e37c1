"""Compatibility rules of starts, couplings and interpolants: what is no diffusion any more.

A flow that begins with something else than normal noise, pairs its examples or has noise on
the way is carried by the same network and the same deterministic samplers. It has not the
score of diffusion, and what is built on that is refused; by `denoiser.with_score=true` the
network answers the score of the bridge, with which `sampler=euler_maruyama` walks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.prepared import degraded_rows
from snowmelt.data.sources.source import Source
from snowmelt.diffusion.interpolants import BrownianBridge
from snowmelt.diffusion.losses import Loss, Simple
from snowmelt.diffusion.operators import ImageOperator
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused
from snowmelt.pipeline.compatibility.training_rules import built_process, is_learned, named
from snowmelt.training.pairs import Pairs, has_start

MOST_LEFT = 0.1  # of the data, in what should be the start alone
KEYS = ("start", "coupling", "interpolant")


def training_issues(config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issues of a training that is no diffusion; none of one that is.

    Raises:
        UserError: a part refuses its arguments.
    """
    pairs, begins_elsewhere = Pairs.of(config), has_start(config)
    found = _labels(pairs, config) + _score(pairs, config) + _flip(pairs, config)
    is_drawn = config.get("coupling", {}).get("samples") is not None
    if pairs.coupling.is_paired and not begins_elsewhere and not is_drawn:
        text = (
            f"{named(pairs.coupling)} takes the pairs that the data comes with, and the"
            " start is noise: give the other half of each pair by start=data or"
            " start=degraded, or the samples of a flow that begins with noise by"
            " coupling.samples"
        )
        found.append(refused(("coupling", "start"), text))
    if pairs.is_diffusion(begins_elsewhere):
        return found
    found += _end(config, pairs, begins_elsewhere) + _loss(config)
    likelihood = config.get("likelihood") or {}
    if likelihood.get("bound") is not None or likelihood.get("ode") is not None:
        text = (
            f"{why_no_diffusion(pairs, begins_elsewhere)}, so neither the bound nor the"
            " flow's end in normal noise tells the likelihood; use likelihood=none"
        )
        found.append(refused(("likelihood", *KEYS), text))
    return found


def start_issues(
    config: Mapping[str, Any], shape: tuple[int, ...] | None, root: Path
) -> list[CompatibilityIssue]:
    """The issue of a start that the data's shape does not allow, where that is known."""
    if shape is None or not has_start(config):
        return []
    if config["start"].get("of") is None:
        return _degradation(config, shape)
    try:
        found = build(config["start"]["of"], Source, root=root).event_shape()
    except UserError:
        return []  # refused by the schema, or by stage prepare
    if found is None or found == shape:
        return []
    text = (
        f"it begins with examples of the shape {found}, and the data has {shape}: a journey"
        " keeps its shape, so choose a start of the same"
    )
    return [refused(("start", "data"), text)]


def _degradation(
    config: Mapping[str, Any], shape: tuple[int, ...]
) -> list[CompatibilityIssue]:
    """The issue of a degradation that data of a shape has nothing for."""
    try:
        degraded_rows.check(build(config["start"]["by"], ImageOperator), shape)
    except UserError as reason:
        return [refused(("start", "data"), str(reason).removeprefix("start.by: "))]
    return []


def _flip(pairs: Pairs, config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issue of pairs of which one half is mirrored."""
    if not pairs.coupling.is_paired or not config.get("training", {}).get("flip", False):
        return []
    text = (
        f"{named(pairs.coupling)} takes row by row for pairs, and training.flip mirrors the"
        " data and not its start; set training.flip=false"
    )
    return [refused(("coupling", "training.flip"), text)]


def why_no_diffusion(pairs: Pairs, begins_elsewhere: bool) -> str:
    """What makes a flow no diffusion."""
    if begins_elsewhere:
        return "this flow begins with other data than normal noise"
    if not pairs.coupling.is_independent or pairs.coupling.is_paired:
        return f"{named(pairs.coupling)} pairs each example with a noise that suits it"
    return f"{named(pairs.interpolant)} adds noise on the way"


@torch.no_grad()
def _end(
    config: Mapping[str, Any], pairs: Pairs, begins_elsewhere: bool
) -> list[CompatibilityIssue]:
    """The issues of the far end, where the start has to stand alone."""
    process = built_process(config)
    if process.schedule.has_zero_terminal_snr and not pairs.interpolant.is_straight:
        text = (
            f"{named(pairs.interpolant)} divides by alpha, which is 0 at the end of"
            f" {named(process.schedule)} (zero terminal SNR); use a schedule that ends"
            " before, or interpolant=straight"
        )
        return [refused(("interpolant", "schedule"), text)]
    left = float(process.alpha(torch.ones((), dtype=torch.float64)))
    if begins_elsewhere and left > MOST_LEFT:
        text = (
            f"{named(process)} has {left:.2g} of the data left at t = 1, where the start"
            " should stand alone: its noise outweighs the data, a start does not; use"
            " process=rectified_flow or variance_preserving"
        )
        return [refused(("process", "start"), text)]
    if isinstance(pairs.interpolant, BrownianBridge) and left > MOST_LEFT:
        text = (
            f"{named(process)} has {left:.2g} of the data left at t = 1, and the noise of a"
            " bridge is gone there only with it; use process=rectified_flow or"
            " variance_preserving, or interpolant=constant"
        )
        return [refused(("process", "interpolant"), text)]
    return []


def _labels(pairs: Pairs, config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issues of a coupling with the classes that a network is told."""
    is_conditional = bool(config.get("denoiser", {}).get("conditional", False))
    coupling = pairs.coupling
    if is_conditional and config.get("coupling", {}).get("samples") is not None:
        text = (
            "the pairs that another flow drew have no classes, so the network would never"
            " see one; set denoiser.conditional=false"
        )
        return [refused(("coupling.samples", "denoiser.conditional"), text)]
    if coupling.needs_labels and not is_conditional:
        text = (
            f"{named(coupling)} pairs within each class, which are read only for a"
            " conditional network; set denoiser.conditional=true, or use"
            " coupling=optimal_transport"
        )
        return [refused(("coupling", "denoiser.conditional"), text)]
    if not is_conditional or coupling.is_independent or coupling.needs_labels:
        return []
    text = (
        f"{named(coupling)} gives each class the starts nearest to it, but samples of a"
        " class begin anywhere; use coupling=class_wise"
    )
    return [CompatibilityIssue(("coupling", "denoiser.conditional"), text)]


def _score(pairs: Pairs, config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issues of a network that answers the score of a bridge."""
    denoiser, keys = config.get("denoiser", {}), ("denoiser.with_score",)
    if not denoiser.get("with_score", False):
        return []
    if pairs.interpolant.is_straight:
        text = (
            f"{named(pairs.interpolant)} has no noise on the way, and so no score for the"
            " network to answer; use interpolant=brownian_bridge"
        )
        return [refused((*keys, "interpolant"), text)]
    found = []
    for key in ("learned_variance", "self_conditioned"):
        if denoiser.get(key, False):
            text = f"the network has no place for both; set denoiser.{key}=false"
            found.append(refused((*keys, f"denoiser.{key}"), text))
    if not isinstance(build(config["loss"], Loss), Simple):
        text = "both answers are trained by their plain error; use loss=simple"
        found.append(refused((*keys, "loss"), text))
    return found


def _loss(config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    loss = build(config["loss"], Loss)
    if loss.needs_learned_variance:
        text = (
            f"{named(loss)} fits the variance of diffusion's reverse step, which this flow"
            " has not; use loss=simple"
        )
        return [refused(("loss", *KEYS), text)]
    if is_learned(built_process(config).schedule):
        text = (
            f"{named(loss)} trains a schedule because the bound does not depend on it,"
            " and this flow has no bound; use a schedule that is not learned"
        )
        return [refused(("schedule", *KEYS), text)]
    return []
