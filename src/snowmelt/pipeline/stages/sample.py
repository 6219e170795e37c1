"""sample: a checkpoint in, samples of the data's own type out."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from snowmelt import tracking
from snowmelt.common import distributed
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build, plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.pipeline import launch
from snowmelt.pipeline.compatibility import sampling_rules
from snowmelt.sampling.generate import describe, draw
from snowmelt.sampling.guidance.guidance import Given, Guidance
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.checkpoint import Checkpoint, load


def run(config: DictConfig, root: Path) -> Path:
    """Draw samples; several processes share the work. Returns the folder.

    Raises:
        UserError: the checkpoint or the configuration does not serve.
    """
    target = root / config.paths.samples
    if launch.wants_group(config):
        launch.run_group("sample", config, root)
        return target
    source = root / config.sample.checkpoint
    checkpoint = load(source)
    is_points = checkpoint.manifest.kind == "points"
    sampling_rules.check(config, checkpoint.config, is_points=is_points)
    sampler = build(config.sampler, Sampler)
    guidance = build(config.guidance, Guidance)
    data = (
        _data(root / config.paths.prepared, checkpoint) if guidance.needs_examples else None
    )
    given = _given(checkpoint, data)
    try:
        guidance.check(given, sampler)
    except ValueError as error:
        raise UserError(f"guidance: {error}") from error
    examples = data.manifest.digests[data.manifest.array_file] if data else None
    described = describe(config, checkpoint, source, examples)
    real = _real(root / config.paths.prepared, checkpoint)
    with tracking.open_sampling(
        plain(config), root, checkpoint=checkpoint.identity, samples=described["identity"]
    ) as tracked:
        draw(config, checkpoint, sampler, guidance, given, target, described, real, root)
        if distributed.rank() == 0:
            for file in sorted(target.iterdir()):
                tracked.log_file(file, "samples")
    return target


def _data(folder: Path, checkpoint: Checkpoint) -> PreparedData:
    """The prepared data, whose held-out examples are completed.

    Raises:
        UserError: there is none, or it is not like that of the training.
    """
    data, trained = PreparedData.open(folder), checkpoint.manifest
    here = data.manifest
    if (here.shape, here.value_range) != (trained.shape, trained.value_range):
        raise UserError(
            f"guidance completes examples of {folder}, of the shape {here.shape} and the"
            f" range {here.value_range}, but the checkpoint was trained on {trained.shape}"
            f" and {trained.value_range}: prepare the data that it was trained on"
        )
    return data


def _real(folder: Path, checkpoint: Checkpoint, most: int = 4000) -> Tensor | None:
    """Points of the training for the pictures; None where they are not at hand.

    A checkpoint can be sampled anywhere, also beside the prepared form of other data.
    """
    manifest = checkpoint.manifest
    if manifest.kind != "points" or not (folder / "manifest.json").is_file():
        return None
    try:
        data = PreparedData.open(folder)
    except UserError:
        return None
    if data.manifest.digests != manifest.digests:
        return None
    return to_model(torch.from_numpy(data.train[:most].copy()), manifest)


def _given(checkpoint: Checkpoint, data: PreparedData | None) -> Given:
    """What a guidance may draw on: the classes told in training, and real examples."""
    manifest = checkpoint.manifest
    is_conditional = bool(checkpoint.config.get("denoiser", {}).get("conditional", False))

    def examples(index: Tensor) -> Tensor:
        """Held-out examples, from the first again after the last."""
        assert data is not None
        stored = data.held_out[(index % len(data.held_out)).cpu().numpy()]
        return to_model(torch.from_numpy(stored), manifest).to(index.device)

    return Given(
        shape=tuple(manifest.shape),
        classes=manifest.classes if is_conditional else None,
        examples=None if data is None else examples,
    )
