"""Compatibility rules of sampling from a flow that is no diffusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snowmelt.pipeline.compatibility.flow_rules import KEYS, why_no_diffusion
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused
from snowmelt.pipeline.compatibility.training_rules import built_process, named
from snowmelt.sampling.guidance.guidance import Guidance
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.pairs import Pairs, estimates_data, has_score, has_start


def sampling_issues(
    sampler: Sampler,
    guidance: Guidance,
    trained: Mapping[str, Any],
    with_score: bool = False,
) -> list[CompatibilityIssue]:
    """The issues of sampling from a flow that is no diffusion.

    Args:
        trained: the sections that it was trained with.
        with_score: whether the network answers the score of a bridge.

    Raises:
        UserError: a part refuses its arguments.
    """
    if has_score(trained):
        return []
    why = why_no_diffusion(Pairs.of(trained), has_start(trained))
    found = []
    if sampler.draws and not (with_score and sampler.walks_bridges):
        walk = (
            "sampler=euler_maruyama, which walks along the bridge"
            if with_score
            else "train with denoiser.with_score=true for sampler=euler_maruyama"
        )
        text = (
            f"{named(sampler)} adds noise and takes it away again by the score of"
            f" diffusion: {why}, and has none; use a deterministic one, such as"
            f" sampler=euler, heun or dpm_2m, or {walk}"
        )
        found.append(refused(("sampler", *KEYS), text))
    if guidance.needs_labels and with_score and sampler.draws:
        text = (
            f"{named(guidance)} guides the flow, and not the noise that {named(sampler)}"
            " adds; use a deterministic sampler, or guidance=none"
        )
        found.append(refused(("guidance", "sampler"), text))
    if guidance.needs_examples:
        text = (
            f"{named(guidance)} completes examples by what diffusion makes of them: {why};"
            " use guidance=none or guidance=classifier_free"
        )
        found.append(refused(("guidance", *KEYS), text))
    if has_start(trained):
        found += _first(sampler, trained)
    return found + _threshold(sampler, guidance, trained, with_score)


def _threshold(
    sampler: Sampler, guidance: Guidance, trained: Mapping[str, Any], with_score: bool
) -> list[CompatibilityIssue]:
    """The issue of a threshold for estimates that are more than the data."""
    interpolant = Pairs.of(trained).interpolant
    if sampler.threshold is None or interpolant.is_straight:
        return []
    why = f"by {named(interpolant)} the network estimates the data with noise on it"
    if not estimates_data(trained, with_score):
        text = (
            f"{why}, which no range holds; set threshold=none, or train with"
            " denoiser.with_score=true, which tells the noise apart"
        )
    elif guidance.needs_labels:
        text = f"{why}, and {named(guidance)} does not tell them apart; set threshold=none"
    else:
        return []
    return [refused(("threshold", "interpolant"), text)]


def _first(sampler: Sampler, trained: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issue of a grid that does not begin where the start stands."""
    try:
        first = float(sampler.times(built_process(trained))[0])
    except ValueError:
        return []  # said by the rule of the grid
    if first == 1.0:
        return []
    text = (
        f"sampling begins at t = {first:.3g}, and the start stands at t = 1; use"
        " grid=trailing"
    )
    return [refused(("sampler.grid", "start"), text)]
