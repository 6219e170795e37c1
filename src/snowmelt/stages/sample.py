"""sample: a checkpoint in, samples of the data's own type out."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt import launch, tracking
from snowmelt.building import build
from snowmelt.checkpoint import load
from snowmelt.errors import UserError
from snowmelt.samplers.sampler import Sampler
from snowmelt.sampling import describe, draw


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
    if checkpoint.manifest.kind == "points" and config.sampler.get("threshold"):
        raise UserError(
            "sampler.threshold keeps to the range of images, but the data is points, which"
            " have none: set threshold=none"
        )
    sampler = build(config.sampler, Sampler)
    described = describe(config, checkpoint, source)
    with tracking.open_sampling(
        config, root, checkpoint=checkpoint.identity, samples=described["identity"]
    ) as tracked:
        draw(config, checkpoint, sampler, target, described)
        if launch.rank() == 0:
            for file in sorted(target.iterdir()):
                tracked.log_file(file, "samples")
    return target
