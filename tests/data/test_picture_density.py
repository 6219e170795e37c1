"""Picture files as densities, and what is no picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.picture_density import PictureFile
from snowmelt.data.sources.source import Source
from snowmelt.data.sources.toy.density_draws import Known
from snowmelt.densities import Perturbable, Picture

ROOT = Path(__file__).parents[2]
LEVELS = np.array([[0, 100, 255], [255, 30, 255]], dtype=np.uint8)
NODE = {"_target_": "snowmelt.data.PictureFile"}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(LEVELS).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_dark_or_bright_is_likely(picture: Path) -> None:
    dark = PictureFile(str(picture), half_width=1.5)
    expected = Picture(255.0 - LEVELS.astype(float), half_width=1.5)
    assert torch.equal(dark.weights, expected.weights)
    assert torch.equal(dark.low, expected.low)
    assert torch.equal(dark.widths, expected.widths)
    assert float(dark.std) == 0.0
    bright = PictureFile(str(picture), dark_is_likely=False, smoothing=0.1)
    assert torch.equal(bright.weights, Picture(LEVELS.astype(float)).weights)
    assert float(bright.std) == 0.1
    # The first row is the top one: its left pixel is the darkest.
    where = dark.log_prob(torch.tensor([[-1.0, 0.5], [0.0, -0.5], [1.0, 0.5]]))
    assert where[0] > where[1]
    assert where[2] == -np.inf


def test_a_large_picture_is_reduced_by_averages(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "large.png")
    ours = PictureFile("large.png", cells=15, root=tmp_path)
    means = (255.0 - levels).reshape(10, 4, 15, 4).mean((1, 3))
    assert torch.allclose(ours.weights, Picture(means).weights, rtol=1e-5)
    assert PictureFile("large.png", cells=60, root=tmp_path).weights.shape == (60, 40)
    assert PictureFile("large.png", cells=900, root=tmp_path).weights.shape == (60, 40)
    assert PictureFile("large.png", cells=1, root=tmp_path).weights.shape == (1, 1)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("L", "a.jpg"),
        ("RGB", "a.jpeg"),
        ("RGBA", "a.png"),
        ("P", "b.png"),
        ("I;16", "c.png"),
    ],
)
def test_any_kind_of_file(tmp_path: Path, mode: str, name: str) -> None:
    levels = np.full((16, 16), 255, dtype=np.uint8)
    levels[:, 8:] = 0
    if mode == "I;16":
        Image.fromarray(levels.astype(np.uint16) * 257).save(tmp_path / name)
    else:
        Image.fromarray(levels).convert(mode).save(tmp_path / name)
    x = PictureFile(name, root=tmp_path).sample(500, seed=0)
    assert (x[:, 0] > 0).double().mean() > 0.97


def test_a_relative_path_is_below_the_root_also_inside_of_data(picture: Path) -> None:
    node = NODE | {"path": "picture.png"}
    assert build(node, Perturbable, root=picture.parent).size == 2
    data = {
        "_target_": "snowmelt.data.Known",
        "name": "k",
        "density": node,
    }
    source = build(data, Source, root=picture.parent)
    assert isinstance(source, Known)
    assert source.read().examples.shape == (30_000, 2)
    with pytest.raises(UserError, match="does not exist"):
        build(data, Source, root=picture.parent / "elsewhere")


def refused(tmp_path: Path, **arguments: object) -> str:
    with pytest.raises(UserError) as caught:
        build(NODE | arguments, Perturbable, root=tmp_path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_picture_is_refused_by_its_key(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:40])
    (tmp_path / "folder.png").mkdir()
    for path, named in (
        ("missing.png", "missing.png does not exist"),
        ("folder.png", "folder.png cannot be read (it is a folder, not a file)"),
        ("text.png", "text.png cannot be read (cannot identify image file)"),
        ("cut.png", "cut.png cannot be read"),
        ("", "must be a text"),
        (None, "must be a text"),
        (5, "must be a text"),
    ):
        said = refused(tmp_path, path=path)
        assert said.startswith(("density.path", "snowmelt.data.PictureFile: path"))
        assert named in said


def test_nothing_likely_is_refused_with_the_way_out(tmp_path: Path) -> None:
    for level, way in ((255, "dark_is_likely=false"), (0, "dark_is_likely=true")):
        Image.fromarray(np.full((4, 4), level, dtype=np.uint8)).save(tmp_path / "blank.png")
        said = refused(tmp_path, path="blank.png", dark_is_likely=level == 255)
        assert said.startswith("density.path")
        assert way in said


def test_other_bad_values_name_their_key(tmp_path: Path, picture: Path) -> None:
    for key, value, named in (
        ("cells", 0, "cells must be a positive integer"),
        ("cells", 2.5, "cells must be"),
        ("cells", True, "cells must be"),
        ("dark_is_likely", 1, "dark_is_likely must be true or false"),
        ("half_width", 0.0, "half_width must be a positive number"),
        ("smoothing", -0.1, "smoothing must be a number, 0 or more"),
        ("colour", 1, "unknown key 'colour'. Known keys: path"),
    ):
        assert named in refused(tmp_path, **{"path": str(picture), key: value})


def test_the_snowflake_is_one() -> None:
    file = ROOT / "docs" / "images" / "snowflake.png"
    assert file.stat().st_size < 4000
    with Image.open(file) as image:
        assert (image.size, image.mode) == ((96, 96), "L")
    weights = PictureFile(str(file)).weights
    assert float((weights > 0).double().mean()) < 0.5
    # Six arms: the same from left to right and from top to bottom, up to the pixels.
    for turned in (weights.flip(0), weights.flip(1)):
        assert float((weights - turned).abs().sum()) < 0.1
