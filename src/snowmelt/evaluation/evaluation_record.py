"""What was measured, on what: the record that the stage evaluate leaves for the report.

It stands in the folder of the arrays and names them, the numbers in metrics.json and the
tables beside these by digest, and the data, the reference, the checkpoint and the samples
that all of it was measured on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, sha256
from snowmelt.common.records import (
    SHOWN,
    content_digest,
    file_digests,
    read_record,
    require_keys,
    write_record,
)
from snowmelt.common.verification import Verification
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.plane.truth_arrays import ARRAYS_OF
from snowmelt.evaluation.reference_features import DESCRIPTION

# Parts of the package that decide the numbers.
CODE = (
    "common",
    "data/prepared",
    "densities",
    "diffusion",
    "evaluation",
    "nets",
    "sampling",
    "training/checkpoint.py",
    "training/checkpoint_content.py",
    "training/couplings",
    "training/weight_sets",
    "pipeline/stages/evaluate.py",
)
_STAGE = "evaluate"
_AGAIN = f"run `snowmelt {_STAGE}` again"


def made_from(
    manifest: Manifest, samples: Mapping[str, Any], reference: Path
) -> dict[str, str]:
    """The digests of what numbers are measured on.

    Args:
        samples: the content of samples.json.
        reference: the folder of the stage reference.
    """
    return {
        "data": manifest.digest,
        "reference": sha256(reference / DESCRIPTION),
        "checkpoint": samples["checkpoint"]["sha256"],
        "weights": samples["checkpoint"]["weights"],
        "samples": samples["digest"],
    }


def write(
    folder: Path,
    *,
    made_from: Mapping[str, str],
    metrics: Mapping[str, Any],
    tables: Sequence[Path],
) -> None:
    """Write the record; the arrays and the tables are there already."""
    content = {
        "made_from": made_from,
        "metrics": content_digest(metrics),
        "tables": {path.name: sha256(path) for path in tables},
        "digests": file_digests(folder),
    }
    write_record(folder / ARRAYS_OF, content)


def read_metrics(folder: Path, reports: Path, wanted: Mapping[str, str]) -> dict[str, Any]:
    """The content of metrics.json, if all of the evaluation is as it was written.

    Args:
        folder: of the arrays and the record.
        reports: of metrics.json and the tables.
        wanted: what `made_from` gives of what lies there now.

    Raises:
        UserError: a file is missing or was changed, or something was made anew since; the
            message names both.
    """
    path, record = reports / "metrics.json", folder / ARRAYS_OF
    metrics = read_json(path, made_by=_STAGE)
    said = _read(record)
    for what, digest in wanted.items():
        then = said["made_from"].get(what)
        if then != digest:
            raise UserError(
                f"{path} was measured on other {what} than there is now"
                f" ({str(then)[:SHOWN]}, now {digest[:SHOWN]}): {_AGAIN}"
            )
    _check_numbers(metrics, path, said, record)
    Verification(reports, said["tables"], made_by=_STAGE).finish()
    Verification(folder, said["digests"], made_by=_STAGE).finish()
    return metrics


def check_unedited(metrics: Mapping[str, Any], path: Path, folder: Path) -> None:
    """Refuse numbers that are not those of the record in `folder`.

    Args:
        metrics: the content of metrics.json.
        path: of that file, for the error.

    Raises:
        UserError: they were edited, or are of another evaluation.
    """
    record = folder / ARRAYS_OF
    _check_numbers(metrics, path, _read(record), record)


def _read(record: Path) -> dict[str, Any]:
    said = read_record(record, made_by=_STAGE)
    kinds = {"made_from": dict, "metrics": str, "tables": dict, "digests": dict}
    require_keys(said, record, kinds, made_by=_STAGE)
    return said


def _check_numbers(
    metrics: Mapping[str, Any], path: Path, said: Mapping[str, Any], record: Path
) -> None:
    if content_digest(metrics) != said["metrics"]:
        raise UserError(
            f"{path} does not hold the numbers that {record} tells of, it was edited or is"
            f" of another evaluation: {_AGAIN}"
        )
