"""Whether prepared starts are enough, and fit the data row by row, before a training.

Of most raw data nobody knows how many examples there are before they are read.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.instantiate import build, plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.sampling.enough_starts import starts_suffice
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.fit import starts_of
from snowmelt.training.pairs import Pairs
from snowmelt.training.settings import FitSettings


def check(config: DictConfig, root: Path) -> None:
    """Refuse starts that are no pairs, or too few for the samples.

    Raises:
        UserError: saying so; or there is no prepared data.
    """
    settings = FitSettings.of(plain(config))
    starts = starts_of(settings, PreparedData.open(root / config.paths.prepared))
    if starts is None:
        return
    if Pairs.of(settings.plain()).coupling.is_paired and not config.coupling.get("samples"):
        starts.check_paired()
    if starts.noise_std == 0.0 and not build(config.sampler, Sampler).draws:
        starts_suffice(config.sample.num_samples, starts.sampled_count, starts.sampled)
