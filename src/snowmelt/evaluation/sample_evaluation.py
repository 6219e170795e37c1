"""The metrics of generated samples, and how they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common.errors import UserError
from snowmelt.common.process_group import alone, at_work
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.catalogue import Subject, measured_of
from snowmelt.evaluation.catalogue.metric import Metric, Numbers, measured
from snowmelt.evaluation.catalogue.sample_entries import TRAINING_SCALE
from snowmelt.evaluation.completed_examples import Completions
from snowmelt.evaluation.conditioned_reference import FEWEST, Real, of_classes
from snowmelt.evaluation.drawn_samples import Drawn
from snowmelt.evaluation.metrics import pairwise
from snowmelt.evaluation.metrics.sample_metrics import Context, Examples
from snowmelt.evaluation.metrics.two_sample_test import neighbours
from snowmelt.evaluation.protocol import protocol_digest, quantiser
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.settings import EvaluationSettings


def measure(context: Context) -> Numbers:
    """All metrics of the samples, in the order of the catalogue.

    A metric with a measured floor is taken of the samples and, in the same way, of the
    held-out split. Of samples that belong to held-out examples the distance from these is
    measured, too, and of completed examples that alone. Processes that share the work
    extract features together, and then take turns by metrics.
    """
    group = at_work()
    context.prepare()
    asked: list[tuple[Metric, Sequence[Examples | Completions]]] = []
    if not context.drawn.is_completed:
        sets = context.generated, context.held_out
        asked += [(metric, sets) for metric in measured_of(Subject.SAMPLES)]
    if context.drawn.is_of_examples:
        beside = [Completions(context, is_generated=told) for told in (True, False)]
        asked += [(metric, beside) for metric in measured_of(Subject.COMPLETIONS)]
    with alone():
        found = {
            number: measured([metric], *pair)
            for number, (metric, pair) in enumerate(asked)
            if group.owns(number)
        }
    return {key: value for some in group.joined(found) for key, value in some.items()}


def compared(
    samples: np.ndarray,
    description: Mapping[str, Any],
    folder: Path,
    data: PreparedData,
    reference: Reference,
    settings: EvaluationSettings,
) -> Context:
    """Samples, and the real data that they are compared with.

    Args:
        description: the content of samples.json in `folder`.

    Raises:
        UserError: the classes that were asked for are not those of the data, too few real
            examples are of them, or too few are held out to compare sets.
    """
    drawn = Drawn.of(description, folder, data.manifest.classes)
    whole = real = Real.all_of(reference, data)
    if drawn.labels is not None:
        real = of_classes(reference, data, drawn.labels)
    context = Context(
        samples,
        real.reference,
        settings,
        labels=real.train_labels,
        held_out_labels=real.held_out_labels,
        real=real,
        whole=whole,
        drawn=drawn,
    )
    if context.count < FEWEST:
        raise UserError(
            f"of the {len(real.held_out)} held-out examples no set of {FEWEST} can be drawn"
            " as the samples are, with their shares of the classes: hold out more"
            " (data.held_out_fraction), or give evaluation.count a number, which leaves the"
            " numbers of real data out"
        )
    return context


def protocol(
    context: Context, manifest: Manifest, description: Mapping[str, Any]
) -> dict[str, Any]:
    """How the metrics were measured, ready for JSON; see `snowmelt.evaluation.protocol`.

    Args:
        description: of the samples, the content of samples.json.
    """
    reference, settings = context.reference, context.settings
    extractor, classifier = reference.extractor, reference.independent_classifier
    checkpoint, sampler = description["checkpoint"], description["sampler"]
    found: dict[str, Any] = {
        "data": manifest.name,
        "data_digest": manifest.digest,
        "reference_split": "training",
        "reference_count": len(reference.train),
        "floor_split": "held-out",
        "floor_draws": floor_draws(context),
        "n": context.count,
        "subsets": context.subsets,
        "kernel_subsets": settings.kernel_subsets,
        "kernel_subset_size": context.kernel_subset_size,
        "manifold": {**settings.manifold.plain(), "examples": context.manifold_count},
        "score_parts": settings.score_parts,
        "evaluation_seed": settings.seed,
        "extractor": extractor.name,
        "extractor_digest": extractor.digest,
        "judge_digest": classifier.digest if classifier else None,
        "resize": extractor.resize,
        "quantiser": quantiser(manifest),
        "sampler": sampler,
        "steps": sampler.get("steps"),
        "guidance": description.get("guidance"),
        "guidance_examples": description.get("examples"),
        "evaluations": description.get("evaluations"),
        "weights": checkpoint["weights"],
        "num_samples": len(context.samples),
        "sample_seed": description["seed"],
        "samples_digest": description["digest"],
        "checkpoint": checkpoint["identity"],
        "checkpoint_step": checkpoint["step"],
        "checkpoint_digest": checkpoint["sha256"],
    }
    for key in ("training_seconds", "is_repeatable"):
        if key in checkpoint:
            found[key] = checkpoint[key]
    if context.is_points:
        found["points"] = points_protocol(context)
    found |= context.drawn.protocol(manifest.classes)
    if context.drawn.is_completed:
        found["n"] = len(context.samples)
    return found | {"digest": protocol_digest(found)}


def floor_draws(context: Context) -> str | None:
    """How the sets of real examples are drawn that the floor is measured of."""
    if not context.has_floor:
        return None
    if context.held_out.is_one_sample:
        return "at random, none twice"
    if context.held_out.has_fixed_shares:
        return "in the shares of the classes that were asked for, the same in every set"
    return "random shares of the classes, as independent draws have; none twice"


def points_protocol(context: Context) -> dict[str, Any]:
    """How the metrics of points alone are measured, ready for JSON."""
    settings = context.settings.points
    count = min(context.count, len(context.train))
    folds = min(settings.folds, count)
    shares = ", ".join(map(str, pairwise.WIDTHS))
    return {
        "unit": TRAINING_SCALE,
        "set_size": context.set_size,
        "sets": settings.sets,
        "directions": settings.directions,
        "mmd_kernel": "mean of exp(-d^2 / 2 h^2) over the widths h",
        "mmd_widths": list(context.kernel_widths),
        "mmd_widths_rule": f"{shares} of the median distance of two training points",
        "classifier": "vote of the nearest neighbours",
        "classifier_count": count,
        "classifier_folds": folds,
        "classifier_neighbours": neighbours(count, folds),
        "modes": "the class of the nearest training point",
    }
