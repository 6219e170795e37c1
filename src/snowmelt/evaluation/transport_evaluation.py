"""Everything that is measured of a flow that begins with other data than noise, and how.

Points are compared in sets, whose exact plans are affordable. Of images only the paths are
told: the plan of a few thousand examples says nothing of distributions in as many
dimensions as an image has.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snowmelt.common.array_files import write_arrays
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.catalogue import Subject, measured_of
from snowmelt.evaluation.catalogue.metric import measured
from snowmelt.evaluation.plane.point_model import on_processor
from snowmelt.evaluation.protocol import Evaluation, of_checkpoint, protocol_digest
from snowmelt.evaluation.settings import TransportSettings
from snowmelt.evaluation.transport.carried_samples import CarriedSamples
from snowmelt.evaluation.transport.compared_sets import compared_sets, in_model_units, sizes
from snowmelt.evaluation.transport.drift_error import drift_errors, known_drift
from snowmelt.evaluation.transport.transport_metrics import Transport, over_sets
from snowmelt.evaluation.transport.transport_sets import TransportSets
from snowmelt.evaluation.transport.true_pairs import PairLaw, pair_law
from snowmelt.evaluation.transport.walked_states import Walk, walked

FILE = "transport.npz"
_POINTS_AT_ONCE, _IMAGES_AT_ONCE = 4000, 16
SETS = (
    "distances between sets, the path energy and the exact plan, since the plan of a few"
    " thousand images says nothing of the distributions that they come from"
)
CLASSES = (
    "distances between sets, the path energy and the exact plan, since classes were asked"
    " for and the starts are of all"
)
DRAWN = (
    "distances, path energy, states on the way and pairs, since this training learned from"
    " pairs that another flow drew, which are not kept; `snowmelt iterate` measures them"
)
NOISE = (
    "path energy and straightness, since the sampler adds noise, and a path with noise has"
    " no finite energy"
)
PAIRS = (
    "the distance of pairs of start and sample, since it is not known which start goes"
    " where"
)


def measure(
    settings: TransportSettings, carried: CarriedSamples, device: torch.device, seed: int
) -> Evaluation:
    """The metrics of the catalogue, how they were measured, and a line for each time.

    Args:
        seed: of the choice of true examples and of the noise between their pairs.

    Raises:
        UserError: the samples cannot be drawn again.
    """
    generator = carried.generator(device)
    sets, errors, how = None, None, dict[str, Any]()
    if carried.is_in_sets:
        shape = sizes(carried, settings.sets, settings.set_size)
        shares = np.linspace(1.0, 0.0, settings.times).tolist()
        count = shape[0] * shape[1]
        walk = walked(generator, count, batch_size=_POINTS_AT_ONCE, shares=shares)
        law = pair_law(
            carried.coupling,
            carried.interpolant,
            carried.batch_size,
            carried.densities,
            seed,
            is_walked=carried.walks_bridge,
        )
        process = on_processor(generator.denoiser.process)
        sets = compared_sets(carried, walk, law, process, shape, seed)
        errors = _drift_errors(carried, walk, law, generator.denoiser, seed)
        how = {"n": shape[1], "sets": shape[0], "times": len(sets.times)}
        how |= {"pairs": law.said, "coordinates": "of the data"}
        if law.said_of_bridge is not None:
            how |= {"bridge": law.said_of_bridge}
    else:
        count = min(settings.paths, len(carried.samples))
        walk = walked(generator, count, batch_size=_IMAGES_AT_ONCE)
        how = {"n": count, "coordinates": "of the model, a value"}
    subjects = [
        Transport(walk.paths, sets, is_carried, carried.has_noise, errors)
        for is_carried in (True, False)
    ]
    metrics = measured(measured_of(Subject.TRANSPORT), *subjects)
    left_out = list(_left_out(carried, sets))
    for what in left_out:
        print(f"transport: left out: {what}")
    how = _protocol(carried, seed) | how | ({"left_out": left_out} if left_out else {})
    how |= {"digest": protocol_digest(how)}
    return Evaluation(metrics, how, [] if sets is None else rows(sets))


def _drift_errors(
    carried: CarriedSamples, walk: Walk, law: PairLaw, denoiser: Denoiser, seed: int
) -> Tensor | None:
    """The squared errors of the drift in the data's units; None if none is known."""
    process = on_processor(denoiser.process)
    if (exact := known_drift(carried, law, process)) is None:
        return None
    count = len(walk.paths.starts)
    rows = np.random.default_rng(seed).permutation(len(carried.data.held_out))[:count]
    x_0 = in_model_units(carried, carried.data.held_out, rows)
    x_1 = in_model_units(carried, carried.starts.data.held_out, np.arange(count))
    if law.bridge is not None:
        x_0 = law.bridge.sample(x_1, seed=2 * seed).to(x_1.dtype)
    found = drift_errors(
        denoiser,
        process,
        exact,
        carried.interpolant,
        (x_0, x_1),
        walk.moments,
        float(carried.walks_bridge),
        2 * seed,
    )
    return None if found is None else found * (carried.data.manifest.std or 1.0) ** 2


def rows(sets: TransportSets) -> list[dict[str, Any]]:
    """A line for each time: W2 of carried and of true states from the same reference."""
    found = []
    for moment, *values in zip(sets.times, *sets.by_time, strict=True):
        carried, true = (over_sets(value) for value in values)
        line: dict[str, Any] = {"share": moment.share}
        line |= {"carried": carried.value, "true": true.value}
        found.append(line | {"carried_se": carried.spread, "true_se": true.spread})
    return found


def save(evaluation: Evaluation, folder: Path) -> None:
    """Write the lines by time as arrays, if there are any; an unknown error is no number.

    Shapes:
        share, carried, carried_se, true, true_se: (times,) float64 in transport.npz
    """
    if not evaluation.rows:
        return
    columns = {
        key: np.array([row[key] for row in evaluation.rows], dtype=np.float64)
        for key in evaluation.rows[0]
    }
    write_arrays(folder / FILE, columns)


def _left_out(carried: CarriedSamples, sets: TransportSets | None) -> Iterator[str]:
    if sets is None:
        is_drawn = DRAWN if carried.has_drawn_pairs else SETS
        yield CLASSES if carried.has_classes else is_drawn
    if carried.has_noise:
        yield NOISE
    if sets is not None and sets.joint is None:
        yield PAIRS


def _protocol(carried: CarriedSamples, seed: int) -> dict[str, Any]:
    start = carried.starts.data.manifest
    said = carried.description
    return of_checkpoint(carried.checkpoint, said["checkpoint"]["weights"]) | {
        "start": start.name,
        "start_digest": start.digest,
        "sampler": said["sampler"],
        "steps": said["sampler"].get("steps"),
        "coupling": carried.checkpoint.config["coupling"],
        "interpolant": carried.checkpoint.config["interpolant"],
        "samples_digest": said["digest"],
        "seed": seed,
    }
