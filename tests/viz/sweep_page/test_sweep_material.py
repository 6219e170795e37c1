"""Losses are those of the training that was sampled, or none."""

from __future__ import annotations

from pathlib import Path

from snowmelt.common.csv_table import write_csv
from snowmelt.common.records import write_record
from snowmelt.viz.sweep_page.sweep_material import read_losses


def test_losses_are_of_the_training_or_are_left_out(tmp_path: Path) -> None:
    assert read_losses(tmp_path / "gone", "a") == {}
    write_csv(tmp_path / "losses.csv", [{"step": 1, "loss": 2.0}])
    assert read_losses(tmp_path, "a") == {}, "nobody says whose they are"
    write_record(tmp_path / "model.json", {"identity": "a"})
    assert read_losses(tmp_path, "a")["loss"].tolist() == [2.0]
    assert read_losses(tmp_path, "b") == {}
    (tmp_path / "losses.csv").write_text("step\nx\n")
    assert read_losses(tmp_path, "a") == {}
