"""Short names of parts: that of their file, else with what was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from snowmelt.pipeline.config import composition
from snowmelt.pipeline.config.part_names import file_of, name_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", composition.groups(ROOT)["density"])
def test_every_file_of_the_densities_has_its_own_name(name: str) -> None:
    composed = composition.compose(ROOT, [f"density={name}"], is_checked=False)
    assert name_of(composed.density, "density", ROOT) == name


def test_what_was_changed_is_said() -> None:
    changed = ("density=double_gaussian", "density.distance=2.4", "density.size=10")
    composed = composition.compose(ROOT, changed, is_checked=False)
    assert file_of(composed.density, "density", ROOT) is None
    found = name_of(composed.density, "density", ROOT)
    assert found == "double_gaussian_distance=2.4_size=10"


def test_a_folder_can_have_the_name() -> None:
    changed = ("density=gaussian", "density.mean=[0.5, -1.5]")
    composed = composition.compose(ROOT, changed, is_checked=False)
    found = name_of(composed.density, "density", ROOT)
    assert found == "gaussian_mean=[0.5,-1.5]"


def test_of_several_files_the_nearest(tmp_path: Path) -> None:
    folder = tmp_path / "conf" / "thing"
    folder.mkdir(parents=True)
    (folder / "far.yaml").write_text("_target_: a.B\nx: 1\ny: 2\nz: ${seed}\n")
    (folder / "near.yaml").write_text("_target_: a.B\nx: 5\ny: 7\nz: ${seed}\n")
    (folder / "other.yaml").write_text("_target_: a.C\nx: 5\n")
    node = {"_target_": "a.B", "x": 5, "y": "a/b c", "z": 3}
    # A value that the file leaves to another key is none of its own.
    assert name_of(node, "thing", tmp_path) == "near_y=abc"
    assert name_of({"_target_": "a.D", "x": 5}, "thing", tmp_path) == "D"
