"""The numbers of a checkpoint: sampled and evaluated by the current configuration.

What comes of it lies in outputs/compare, in a folder whose name is a digest of all that
decides it; the same asked for again is taken from there. It is not tracked.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from snowmelt.common.code_identity import code_digest
from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, sha256
from snowmelt.common.instantiate import plain
from snowmelt.common.records import content_digest
from snowmelt.evaluation import evaluation_record
from snowmelt.pipeline.output_locks import only_command_in
from snowmelt.sampling.storage import sample_places

# Parts of the package that decide the numbers.
CODE = tuple(dict.fromkeys((*sample_places.CODE, *evaluation_record.CODE)))
# Sections of the configuration that decide them.
SECTIONS = ("sampler", "guidance", "evaluation", "likelihood", "features")
# Those keys of `sample` that change no sample.
_IDLE = ("device", "batch_size", "checkpoint")


def numbers(
    checkpoint: Path,
    config: DictConfig,
    root: Path,
    run_stage: Callable[[str, DictConfig, Path], Path],
) -> Path:
    """The metrics.json of a checkpoint, made if it is not there.

    Raises:
        UserError: the file is no checkpoint, does not go with the configuration or the
            prepared data, or there is no reference.
    """
    checkpoint = checkpoint.resolve()
    folder = root / config.paths.root / "outputs" / "compare"
    folder /= _identity(checkpoint, config, root)[:16]
    numbers = folder / "reports" / "metrics.json"
    arrays = arrays_of(numbers)
    with only_command_in([folder], "compare", root):
        if numbers.is_file() and arrays.is_dir():
            metrics = read_json(numbers, made_by="compare")
            with contextlib.suppress(UserError):  # a damaged one is made again
                evaluation_record.check_unedited(metrics, numbers, arrays)
                return numbers
        placed = _placed(config, checkpoint, folder)
        print(f"compare: {checkpoint} is sampled and evaluated", file=sys.stderr)
        # Whoever reads the outcome reads the outcome alone.
        with contextlib.redirect_stdout(sys.stderr):
            for stage in ("sample", "evaluate"):
                run_stage(stage, placed, root)
    return numbers


def arrays_of(numbers: Path) -> Path:
    """The folder of the arrays that were written with a metrics.json of this module."""
    return numbers.parents[1] / "evaluation"


def _identity(checkpoint: Path, config: DictConfig, root: Path) -> str:
    """A digest of all that decides the numbers."""
    reference = root / config.paths.reference / "reference.json"
    manifest = root / config.paths.prepared / "manifest.json"
    for path, stage in ((manifest, "prepare"), (reference, "reference")):
        if not path.is_file():
            raise UserError(
                f"{path} is missing, and a checkpoint is measured against it: run"
                f" `snowmelt {stage}`"
            )
    whole = plain(config)
    drawn = {k: v for k, v in whole["sample"].items() if k not in _IDLE}
    return content_digest(
        {
            "checkpoint": sha256(checkpoint),
            "reference": sha256(reference),
            "data": sha256(manifest),
            "sample": drawn,
            "code": code_digest(CODE),
            **{name: whole[name] for name in SECTIONS},
        }
    )


def _placed(config: DictConfig, checkpoint: Path, folder: Path) -> DictConfig:
    """The configuration for this checkpoint, which writes into `folder`."""
    whole = plain(config)
    whole["sample"]["checkpoint"] = str(checkpoint)
    whole["tracking"]["enabled"] = False
    for name in ("samples", "evaluation", "reports"):
        whole["paths"][name] = str(folder / name)
    return OmegaConf.create(whole)
