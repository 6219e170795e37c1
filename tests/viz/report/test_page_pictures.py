"""Images on the page are large enough to see, sharp, and no wider than their place."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.viz.report.test_page import material

from snowmelt.viz.plots import image_grid
from snowmelt.viz.report import report_files
from snowmelt.viz.report.page import render
from snowmelt.viz.report.report_material import Material

SIZES = pytest.mark.parametrize(("side", "scale"), [(8, 8), (28, 3), (32, 3), (64, 2)])


def of_images(side: int, channels: int, count: int = 40) -> Material:
    """Material whose images all differ in every pixel."""
    rng = np.random.default_rng(side)
    images = rng.integers(0, 256, (count, channels, side, side)).astype(np.uint8)
    usual = material()
    manifest = {**usual.manifest, "value_range": [0, 255]}
    return replace(usual, manifest=manifest, real=images, generated=images)


def enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    """(C, H, W) as it is drawn, (H', W') or (H', W', 3)."""
    exact = np.moveaxis(image, 0, -1).repeat(scale, 0).repeat(scale, 1)
    return exact[..., 0] if len(image) == 1 else exact


def picture_of(part: str) -> Image.Image:
    """The first embedded picture of a part of the page."""
    found = re.search(r'src="data:image/png;base64,([^"]+)"', part)
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


@SIZES
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_embedded_enlarged_and_sharp(side: int, scale: int, channels: int):
    shown = of_images(side, channels)
    text = render(shown)
    for part in text.split('<div class="pair">')[1].split("<figure>")[1:3]:
        picture = picture_of(part)
        assert picture.width <= image_grid.HALF_PIXELS
        first = np.asarray(picture)[: side * scale, : side * scale]
        assert (first == enlarged(shown.real[0], scale)).all()
    assert re.search(r"\.pair img, \.strip \{ image-rendering: pixelated; \}", text)


def test_the_grids_of_large_images_fit_the_page():
    shown = of_images(256, 1)
    flat = np.zeros_like(shown.real)
    text = render(replace(shown, real=flat, generated=flat))
    assert picture_of(text.split('<div class="pair">')[1]).width == image_grid.HALF_PIXELS


def test_the_page_is_as_wide_as_its_pictures():
    """Widths by the style sheet: of the whole, of its margin, of a section's border."""
    text = render(material())
    whole, margin = re.search(  # type: ignore[union-attr]
        r"main, header, footer \{ max-width: (\d+)px; margin: 0 auto; padding: 0 (\d+)px",
        text,
    ).groups()
    border, padding = re.search(  # type: ignore[union-attr]
        r"section \{[^}]*border: (\d+)px [^}]*padding: \d+px (\d+)px", text
    ).groups()
    (gap,) = re.search(r"\.pair \{[^}]*gap: (\d+)px", text).groups()  # type: ignore[union-attr]
    inside = int(whole) - 2 * (int(margin) + int(border) + int(padding))
    assert inside >= image_grid.PAGE_PIXELS
    assert (inside - int(gap)) // 2 >= image_grid.HALF_PIXELS


def test_the_preview_of_images_is_as_wide_as_the_page_and_that_of_points_is_not():
    content = {"preview": b"\x89PNG"}
    images = render(replace(material(), pictures=content))
    assert re.search(r'<img class="strip" src="[^"]*" alt="some training', images)
    points = render(replace(material("points"), pictures=content))
    assert re.search(r'<img class="preview turning" src="[^"]*" alt="some', points)


@SIZES
def test_the_figures_are_as_wide_as_the_page_and_as_sharp(
    tmp_path: Path, side: int, scale: int
):
    shown = of_images(side, 3, count=200)
    ways = {
        "trajectory": {"frames": np.stack([shown.real[:8]] * 12), "times": np.arange(12)}
    }
    report_files.write(replace(shown, ways=ways), tmp_path)
    tile = side * scale
    for name, corner in (
        ("preview", (0, 0)),
        ("samples", (0, 0)),
        ("trajectory", (16, 36)),
    ):
        with Image.open(tmp_path / "figures" / f"{name}.png") as picture:
            drawn = np.asarray(picture.convert("RGB"))
        assert drawn.shape[1] <= image_grid.PAGE_PIXELS, name
        assert drawn.shape[1] > 0.8 * image_grid.PAGE_PIXELS, name
        left, top = corner
        first = drawn[top : top + tile, left : left + tile]
        assert (first == enlarged(shown.real[0], scale)).all(), name


@SIZES
def test_no_figure_is_too_heavy_to_be_embedded_as_it_is(
    tmp_path: Path, side: int, scale: int
):
    """Noise in colour, of which nothing can be packed."""
    shown = of_images(side, 3, count=200)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (12, 8, 3, side, side)).astype(np.uint8)
    ways = {"trajectory": {"frames": frames, "times": np.arange(12)}}
    report_files.write(replace(shown, ways=ways), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name in ("preview", "trajectory"):
        content = (tmp_path / "figures" / f"{name}.png").read_bytes()
        assert base64.b64encode(content).decode("ascii") in page, name
