"""compare: runs, folders or checkpoints in, what can be said of their difference out."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from snowmelt import tracking
from snowmelt.common.files import new_file, write_json
from snowmelt.evaluation.comparison import ModelComparison, compare_models, model_table
from snowmelt.evaluation.comparison.model_table import model_csv, model_dict
from snowmelt.pipeline.comparing.run_places import Places, RunStage, measured
from snowmelt.pipeline.config import typed_places

NAMES = "comparison.txt", "comparison.csv", "comparison.json"


@dataclass(frozen=True)
class Typed:
    """What was typed after `snowmelt compare`, sorted.

    Attributes:
        runs: ids or names of tracked runs, folders, files of numbers, checkpoints.
        across: what may differ in their protocols, since it is what is compared.
        out: a folder for the outcome as files, if one is wanted.
        overrides: of the configuration.
        here: what the paths are relative to.
    """

    runs: Sequence[str]
    across: Sequence[str]
    out: Path | None
    overrides: Sequence[str]
    here: Path

    @classmethod
    def of(cls, texts: Sequence[str], root: Path, here: Path) -> Typed:
        """Sort texts: one with an equals sign is no run, unless such a place exists."""
        runs = [text for text in texts if "=" not in text or (here / text).exists()]
        rest = [text for text in texts if text not in runs]
        outs, across, overrides = _by_key(rest, "out", "across")
        names = [name for text in across for name in text.partition("=")[2].split(",")]
        out = typed_places.folder_from_here(outs[-1], root, here) if outs else None
        return cls(runs, names, out, overrides, here)


def _by_key(texts: Sequence[str], *keys: str) -> list[list[str]]:
    """The texts of each key, and those of none."""
    found = [[text for text in texts if text.startswith(f"{key}=")] for key in keys]
    named = {text for part in found for text in part}
    return [*found, [text for text in texts if text not in named]]


def run(
    typed: Typed, config: DictConfig, root: Path, run_stage: RunStage, *, as_json: bool
) -> int:
    """Compare, and print the outcome; returns the status 0.

    Args:
        config: how checkpoints are sampled and measured, and where runs are tracked.
        run_stage: runs a stage for a checkpoint.
        as_json: print plain values instead of a table.

    Raises:
        UserError: a run is not there or was not evaluated, or they do not compare.
    """
    tracking.prefer_typed(typed.overrides)
    places = Places(config, root, typed.here, run_stage)
    found = compare_models([measured(name, places) for name in typed.runs], typed.across)
    if typed.out is not None:
        write(found, typed.out)
    print(json.dumps(model_dict(found), indent=2) if as_json else model_table(found))
    if typed.out is not None:
        print(f"compare: {typed.out}", file=sys.stderr if as_json else sys.stdout)
    return 0


def write(comparison: ModelComparison, folder: Path) -> None:
    """Write the outcome as text, CSV and JSON."""
    texts = model_table(comparison) + "\n", model_csv(comparison)
    for name, text in zip(NAMES[:2], texts, strict=True):
        with new_file(folder / name) as file:
            file.write_text(text, encoding="utf-8")
    write_json(folder / NAMES[2], model_dict(comparison))
