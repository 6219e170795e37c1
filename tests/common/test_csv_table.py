"""Tables: the bytes that are written, and what is refused when they are read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from snowmelt.common.csv_table import csv_text, read_csv, write_csv
from snowmelt.common.errors import UserError


def test_the_bytes(tmp_path: Path) -> None:
    rows = [{"step": 1, "loss": 0.1}, {"step": 2, "note": 'a "b", c'}]
    write_csv(tmp_path / "made" / "table.csv", rows)
    found = (tmp_path / "made" / "table.csv").read_bytes()
    assert found == b'step,loss,note\n1,0.1,\n2,,"a ""b"", c"\n'
    assert csv_text(rows[:1], ("loss", "step")) == "loss,step\n0.1,1\n"
    with pytest.raises(ValueError, match="note"):
        csv_text(rows, ("loss", "step"))


def test_without_rows_the_heading_is_alone(tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", [], ("term", "time"))
    assert (tmp_path / "table.csv").read_text() == "term,time\n"
    assert read_csv(tmp_path / "table.csv", ("time",), made_by="evaluate") == {}


def test_columns_come_back(tmp_path: Path) -> None:
    rows = [{"term": "prior", "time": -math.inf}, {"term": "", "bits": 1 / 3}]
    write_csv(tmp_path / "table.csv", rows)
    found = read_csv(tmp_path / "table.csv", ("time",), made_by="train", texts=("term",))
    assert list(found) == ["term", "time", "bits"]
    assert found["term"].tolist() == ["prior", ""]
    assert (found["time"][0], found["bits"][1]) == (-math.inf, 1 / 3)
    assert math.isnan(found["time"][1])
    assert math.isnan(found["bits"][0])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no column step"),
        ("time,loss\n1,2\n", "no column step"),
        ("step,loss\n1,broken\n", "'broken'"),
        ("step,loss\n1,2,3\n", "not every row has 2 cells"),
        ("step,loss\n1,2\n1\n", "not every row has 2 cells"),
    ],
)
def test_a_damaged_table_names_its_file(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "losses.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"losses\.csv is damaged .*{wrong}.*melt train"):
        read_csv(path, ("step",), made_by="train")
