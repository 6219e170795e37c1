"""sample: a checkpoint in, samples of the data's own type out."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt import launch
from snowmelt.checkpoint import load
from snowmelt.config import build
from snowmelt.samplers.sampler import Sampler
from snowmelt.sampling import draw
from snowmelt.tracking import runs


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
    sampler = build(config.sampler, Sampler)
    with runs.sampling_run(config, root, checkpoint=checkpoint.identity) as tracked:
        description = draw(config, checkpoint, source, sampler, target)
        if launch.rank() == 0:
            tracked.samples(target, description)
    return target
