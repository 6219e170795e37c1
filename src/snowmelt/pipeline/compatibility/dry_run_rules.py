"""What a sampler would make of known data: the numbers of one combination decide.

The sampler runs once with the exact denoiser of a known law (`sampling.dry_run`). Where it
misses that law no network can do better. The finding tells what the grid does, and changes
of the combination that were run as well and do not miss.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterator
from typing import Any

import torch

from snowmelt.pipeline.compatibility.combination import Combination, Parts
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue
from snowmelt.sampling.dry_run import Outcome, dry_run, samples_of
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.sampler import Sampler

# What the samples may miss: a mean in the model's units, and the ratio of a deviation. Data
# whose elements depend on each other can be missed by twice as much as the law here.
LARGEST_MEAN_ERROR = 0.06
LARGEST_RATIO = 1.12
GUIDED_RATIO = 2.0  # where a guidance is meant to exaggerate, and nothing cuts it
# Beyond these they have left the data behind.
REFUSED_RATIO = 3.0
REFUSED_SHARE = 0.5  # of all values, at or beyond the edge of the data
MOST_EVALUATIONS = 1000  # of a run, which takes a millisecond or two for each
ADVICE_EVALUATIONS = 400  # of a run that looks for a way out
STABLE = 2.0  # from there on an explicit rule overshoots by more than it corrects
IMAGE, PLANE = (1, 8, 8), (2,)  # of an event whose shape nobody knows yet
LARGEST = 256  # elements of an event; a corner of a larger one says the same
UNGUIDED = {"_target_": "snowmelt.guidance.Unguided"}
LOG_SNR = {"_target_": "snowmelt.grids.LogSNR"}


@torch.no_grad()
def issues(combination: Combination) -> list[CompatibilityIssue]:
    """The finding of a dry run, if there is one.

    Raises:
        UserError: a part refuses its arguments.
    """
    outcome = outcome_of(combination)
    if outcome is None or not misses(combination, outcome):
        return []
    parts = Parts.of(combination)
    text = f"even with the exact denoiser of known data, samples {_said(outcome)}"
    text += f"; {_grid_in_words(parts)}; {_advice(combination)}"
    is_guided = combination.sections["guidance"] != UNGUIDED
    keys = ("sampler", "schedule", "guidance") if is_guided else ("sampler", "schedule")
    return [CompatibilityIssue(keys, text, is_error=is_refused(outcome))]


def misses(combination: Combination, outcome: Outcome) -> bool:
    """Whether the samples are further from the law than they may be."""
    if not outcome.is_finite or outcome.mean_error > LARGEST_MEAN_ERROR:
        return True
    largest = GUIDED_RATIO if Parts.of(combination).exaggerates else LARGEST_RATIO
    return not 1.0 / LARGEST_RATIO <= outcome.deviation <= largest


def is_refused(outcome: Outcome) -> bool:
    """Whether the samples have nothing to do with the law any more."""
    is_far = outcome.deviation > REFUSED_RATIO or outcome.at_edge > REFUSED_SHARE
    return is_far or not outcome.is_finite


@functools.lru_cache(maxsize=1024)
def outcome_of(combination: Combination, most: int = MOST_EVALUATIONS) -> Outcome | None:
    """The outcome of the dry run; None where there is none to be had.

    One of more than `most` evaluations would take too long, and parts that do not go
    together are refused by other rules.

    Raises:
        UserError: a part refuses its arguments.
    """
    parts = Parts.of(combination)
    guidance = copy.copy(parts.guidance)
    if guidance.needs_labels:
        guidance.chosen = None  # type: ignore[attr-defined]  # the law has its own classes
    known = combination.shape or (PLANE if combination.is_points else IMAGE)
    try:
        if guidance.evaluations(parts.sampler, parts.process) > most:
            return None
        return dry_run(
            parts.process,
            parts.prediction,
            _hurried(parts.sampler, corner(known), most),
            corner(known),
            is_points=combination.is_points,
            learned_variance=combination.learned_variance,
            guidance=guidance,
        )
    except (ValueError, RuntimeError):
        return None


def _hurried(sampler: Sampler, shape: tuple[int, ...], most: int) -> Sampler:
    """A solver that chooses its own steps takes them for all samples together here.

    In one block of just these: a larger one is filled up.
    """
    if not isinstance(sampler, Adaptive):
        return sampler
    hurried = copy.copy(sampler)
    hurried.block, hurried.limit = samples_of(shape), min(sampler.limit, most)
    return hurried


def corner(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape of the same kind with few elements; of images the sides shrink."""
    if len(shape) < 3:
        return tuple(min(size, LARGEST) for size in shape)
    channels, *sides = shape
    side = max(int(math.sqrt(LARGEST / channels)) // 4 * 4, 1)
    return (channels, *(min(size, side) for size in sides))


def _said(outcome: Outcome) -> str:
    """What became of the samples."""
    if not outcome.is_finite:
        return "leave all bounds"
    if outcome.at_edge > REFUSED_SHARE:
        return f"have {outcome.at_edge:.0%} of their values at or beyond the data's edge"
    said = f"have {outcome.deviation:.2f} times the data's deviation"
    if outcome.mean_error > LARGEST_MEAN_ERROR:
        said += f" and miss its mean by {outcome.mean_error:.2f}"
    return said


def _grid_in_words(parts: Parts) -> str:
    """What the steps do: where they start and end, and the largest of them."""
    process, times = parts.process, parts.sampler.times(parts.process)
    log_snr = process.log_snr(times)
    start, end = float(log_snr[0]), float(log_snr[-1])
    words = f"the log-SNR goes from {start:.2f} to {end:.2f}, and from there straight to"
    words += " the data"
    if len(times) < 2:
        return words
    rise, place = log_snr.diff().max(0)
    words += f"; it rises by up to {float(rise):.2g} (step {int(place) + 1})"
    # What multiplies the state in an explicit rule: the rate, held over the whole step.
    factors = process.log_snr_slope(times[:-1]) * times.diff()
    factor, place = factors.max(0)
    if parts.sampler.holds_slope and float(factor) > STABLE:
        words += (
            f"; rate times step is {float(factor):.3g} in step {int(place) + 1}, and"
            f" explicit steps are stable to about {STABLE:g}"
        )
    return words


def _advice(combination: Combination) -> str:
    """The first change that was run and found good."""
    for name, changed in _changes(combination):
        outcome = outcome_of(changed, ADVICE_EVALUATIONS)
        if outcome is not None and not misses(changed, outcome):
            return f"with {name} they do not"
    return "use another sampler, schedule or grid, or many more steps"


def _changes(combination: Combination) -> Iterator[tuple[str, Combination]]:
    """Changes that may help, each with what to type for it."""
    sections = combination.sections
    sampler, guidance = sections["sampler"], sections["guidance"]
    if guidance != UNGUIDED:
        if "scale" in guidance:
            weaker = guidance | {"scale": 2.0}
            yield "guidance.scale=2", combination.having(guidance=weaker)
        yield "guidance=none", combination.having(guidance=UNGUIDED)
    if sampler.get("corrections"):
        if sampler.get("size"):
            fixed = sampler | {"size": None}
            yield (
                "steps of a fixed size (sampler=langevin)",
                combination.having(sampler=fixed),
            )
        alone = sampler | {"corrections": 0}
        yield "sampler.corrections=0", combination.having(sampler=alone)
    steps = int(sampler["steps"])
    level = sampler | {"grid": LOG_SNR}
    yield "grid=log_snr", combination.having(sampler=level)
    more = _stepping(sampler, 2 * steps)
    yield f"sampler.steps={2 * steps}", combination.having(sampler=more)
    kept = {key: sampler[key] for key in ("grid", "threshold") if key in sampler}
    for name, kind, eta in (("dpm_2m", "DPM", 0.0), ("ddpm", "DDIM", 1.0)):
        other = {"_target_": f"snowmelt.samplers.{kind}", "steps": steps, "eta": eta}
        told = f"sampler={name} sampler.steps={steps}"
        yield told, combination.having(sampler=other | kept)


def _stepping(sampler: dict[str, Any], steps: int) -> dict[str, Any]:
    """The same sampler with other steps, those of its predictor included."""
    changed = sampler | {"steps": steps}
    if isinstance(sampler.get("predictor"), dict):
        changed["predictor"] = sampler["predictor"] | {"steps": steps}
    return changed
