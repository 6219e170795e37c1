"""Tables as CSV files: written whole or not at all, and read back as columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file


def csv_text(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None
) -> str:
    """The rows under a heading; a cell is empty where a row has no value.

    Args:
        columns: in their order; None for those of the rows, as they first occur.

    Raises:
        ValueError: a row has a value for another column.
    """
    known = columns or list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, known, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_csv(
    target: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None
) -> None:
    """Write a table; without rows, its heading alone. The arguments are `csv_text`'s."""
    with new_file(target) as draft:
        draft.write_text(csv_text(rows, columns), encoding="utf-8")


def read_csv(
    path: Path, required: Sequence[str], *, made_by: str, texts: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """Read a table's columns as float64, NaN where a cell is empty.

    Args:
        required: columns that must be there.
        made_by: the stage that wrote the table, for the error.
        texts: columns that are read as text.

    Returns:
        All columns by name; none of them if the table has no rows.

    Raises:
        UserError: a required column is missing, a row has too few cells or too many, or a
            cell is not a number.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        heading, *rows = [row for row in csv.reader(stream) if row] or [[]]
    try:
        if missing := [name for name in required if name not in heading]:
            raise ValueError(f"no column {', '.join(missing)}")
        if any(len(row) != len(heading) for row in rows):
            raise ValueError(f"not every row has {len(heading)} cells")
        return {
            name: np.array(
                cells if name in texts else [float(cell or "nan") for cell in cells]
            )
            for name, cells in zip(heading, zip(*rows, strict=True), strict=False)
        }
    except ValueError as error:
        again = f"run `snowmelt {made_by}` again"
        raise UserError(f"{path} is damaged ({error}): {again}") from error
