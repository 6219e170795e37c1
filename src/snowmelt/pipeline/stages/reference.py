"""Stage reference: fit the feature extractor and measure the real data with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_features


def run(config: DictConfig, root: Path) -> Path:
    """Write the folder of the reference; returns it.

    Args:
        config: reads `features` and the paths; `data` only to refuse stale data.

    Raises:
        UserError: the data is missing or does not go with the extractor.
    """
    data = PreparedData.open(root / config.paths.prepared)
    data.check_made_from(config.data)
    target = root / config.paths.reference
    print(summary(reference_features.write(target, data, plain(config.features), root)))
    return target


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
