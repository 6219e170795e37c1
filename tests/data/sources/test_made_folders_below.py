"""What a run left below a folder of images is not read as images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.common.test_made_folders import MADE, filled

from snowmelt.common.errors import UserError
from snowmelt.data.sources.folder import Folder


def pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.full((8, 8, 3), 16 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.mark.parametrize("name", MADE)
def test_a_run_below_the_data_changes_nothing_but_a_note(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "photos"
    pictures(folder, 5)
    before = Folder(name="x", path=str(folder), size=8).read()
    made = filled(folder, f"run/{name}", MADE[name])
    pictures(made, 3)
    pictures(made / "figures", 3)
    after = Folder(name="x", path=str(folder), size=8).read()
    np.testing.assert_array_equal(after.examples, before.examples)
    (note,) = set(after.notes) - set(before.notes)
    assert note == f"left out, because snowmelt made them: run/{name}"


def test_a_folder_with_nothing_else_holds_no_images(tmp_path: Path) -> None:
    pictures(filled(tmp_path, "run/reports", MADE["reports"]), 3)
    with pytest.raises(UserError, match=r"no images in .* but what snowmelt made in run/"):
        Folder(name="x", path=str(tmp_path), size=8).read()
