"""Stage reference: fit the feature extractor and measure the real data with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.instantiate import plain
from snowmelt.common.process_group import Group
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_cache, reference_features
from snowmelt.evaluation.reference_cache import ReferenceCache
from snowmelt.pipeline import launch
from snowmelt.tracking.location import main_root


def run(config: DictConfig, root: Path) -> Path:
    """Write the folder of the reference; returns it.

    One that was made before of the same data in the same way is taken as it is. Several
    processes share the work.

    Args:
        config: reads `features`, how many processes, and the paths; `data` only to refuse
            stale data.

    Raises:
        UserError: the data is missing or does not go with the extractor.
    """
    data = PreparedData.open(root / config.paths.prepared)
    data.check_made_from(config.data)
    target, features = root / config.paths.reference, plain(config.features)
    name = reference_cache.identity(data.manifest, features, root)
    cache = ReferenceCache(main_root(root) / ".snowmelt" / "reference", name)
    if launch.wants_group(config):
        if not _taken(cache, data, target):
            launch.run_group("reference", config, root)
        return target
    with Group() as group:
        if not group.by(0, lambda: _taken(cache, data, target)):
            description = reference_features.write(target, data, features, root)
            if group.rank == 0:
                cache.keep(target)
                print(summary(description))
    return target


def _taken(cache: ReferenceCache, data: PreparedData, target: Path) -> bool:
    """Put a kept reference into a folder, if there is one, and the data is intact."""
    data.verify().finish()
    description = cache.take(target)
    if description is not None:
        print(f"{summary(description)}; made before, and kept in {cache.place}")
    return description is not None


def summary(description: dict[str, Any]) -> str:
    figures = description["figures"]
    named = (
        ("extractor", "extractor_accuracy"),
        ("independent classifier", "judge_accuracy"),
    )
    known = [
        f"accuracy of the {who} {100 * figures[key]:.1f} %"
        for who, key in named
        if key in figures
    ]
    extractor = description["extractor"]
    said = [
        f"{extractor['dimension']} features by {extractor['name']}",
        *known,
        f"held-out against training at a distance of {description['floor']:.4g}",
    ]
    return "; ".join(said)
