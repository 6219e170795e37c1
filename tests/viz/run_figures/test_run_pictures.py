"""Every picture of a run out of arrays alone, of points of any kind and of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests import tiny_models
from tests.tiny_models import PAIR, PROCESSES, SOLID, arrays_of, generator, images, points

from snowmelt.common.array_files import read_arrays
from snowmelt.common.errors import PictureWarning
from snowmelt.data.prepared.scaling import to_stored
from snowmelt.sampling.guidance.guidance import Conditioning
from snowmelt.sampling.guidance.inpainting import Inpainting
from snowmelt.sampling.guidance.masks import Side
from snowmelt.viz import style
from snowmelt.viz.plots.image_grid import denoising_strip
from snowmelt.viz.run_figures import run_pictures
from snowmelt.viz.run_figures.run_pictures import save_pictures

ALWAYS = {"preview.png", "trajectory.gif", "trajectory.png", "paths.png"}
FORWARD = {"forward.gif", "forward.png"}
PLANE = {"fields.png", "densities.png"}
PIXELS = style.png_bytes


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Draws a run with few of everything; gives the names of the files.

    The figures are made but not turned into pixels, which would take most of the time.
    """
    tiny_models.make_few(monkeypatch)
    monkeypatch.setattr(style, "png_bytes", lambda figure: b"drawn")

    def run(asked: Any, folder: str = "run", **how: bool) -> set[str]:
        manifest, root = asked.manifest, tmp_path / folder
        made = arrays_of(asked, root, **how)
        ways, truth = (
            {path.stem: read_arrays(path) for path in sorted(part.glob("*.npz"))}
            for part in made
        )
        if manifest.kind == "points":
            real = to_stored(tiny_models.real(manifest.shape[0]), manifest).numpy()
        else:
            real = np.zeros((9, *manifest.shape), np.uint8)
        figures = root / "figures"
        figures.mkdir()
        generated = np.load(made[0] / "samples.npy")
        save_pictures(figures, real, generated, manifest.value_range, ways, truth)
        return {file.name for file in figures.iterdir()}

    return run


@pytest.mark.parametrize("name", PROCESSES)
def test_every_process_gets_every_picture(
    name: str, drawn: Callable[..., set[str]]
) -> None:
    asked = generator(points(config=PAIR), PROCESSES[name])
    assert drawn(asked) == ALWAYS | FORWARD | PLANE


def test_a_flow_shows_its_paths_and_its_steps(drawn: Callable[..., set[str]]) -> None:
    own = {"flow_steps.png", "plane_paths.png"}
    asked = generator(points(config=PAIR))
    asked.denoiser.has_score = False
    assert drawn(asked, is_evaluated=False) == ALWAYS | own
    on_a_line = generator(points(size=1))
    on_a_line.denoiser.has_score = False
    found = drawn(on_a_line, "line", is_evaluated=False)
    assert found == ALWAYS | {"flow_steps.png"}


CASES: dict[str, tuple[dict[str, Any], dict[str, bool], set[str]]] = {
    "unknown, over real points": ({}, {}, FORWARD | PLANE),
    "unknown, a bare checkpoint": ({}, {"is_real": False}, PLANE),
    "a line": ({"size": 1}, {}, FORWARD),
    "three dimensions": ({"size": 3}, {}, FORWARD),
    "three known ones": ({"size": 3, "config": SOLID}, {}, FORWARD),
    "of other samples": ({"config": PAIR}, {"is_evaluated": False}, FORWARD),
}


@pytest.mark.parametrize("name", CASES)
def test_points_of_all_kinds(name: str, drawn: Callable[..., set[str]]) -> None:
    about, how, wanted = CASES[name]
    assert drawn(generator(points(**about)), **how) == ALWAYS | wanted


def test_images_are_shown_on_their_way(
    drawn: Callable[..., set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def strip(frames: np.ndarray, times: np.ndarray, value_range: Any) -> Any:
        shown.append((frames, times, value_range))
        return denoising_strip(frames, times, value_range)

    monkeypatch.setattr(run_pictures, "denoising_strip", strip)
    assert drawn(generator(images())) == {"preview.png", "trajectory.png"}
    ((frames, times, value_range),) = shown
    kept = read_arrays(tmp_path / "run/samples/trajectory.npz")
    np.testing.assert_array_equal(frames, kept["frames"])
    np.testing.assert_array_equal(times, kept["times"])
    assert value_range == (0, 16)


def test_completed_examples_are_shown(drawn: Callable[..., set[str]]) -> None:
    examples = torch.linspace(-1, 1, 30 * 16).reshape(30, *tiny_models.IMAGE)
    conditioning = Conditioning(
        shape=tiny_models.IMAGE, examples=lambda index: examples[index]
    )
    asked = generator(images(), guidance=Inpainting(Side()), conditioning=conditioning)
    assert drawn(asked) == {"preview.png", "trajectory.png", "completion.png"}


def test_the_same_arrays_give_the_same_bytes(
    drawn: Callable[..., set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "png_bytes", PIXELS)
    asked = generator(points(config=PAIR))
    names = drawn(asked, "once")
    assert drawn(asked, "again") == names
    for name in names:
        one, two = (
            (tmp_path / folder / "figures" / name).read_bytes()
            for folder in ("once", "again")
        )
        assert one == two, name
        assert len(one) > 300, name
    for film in ("trajectory.gif", "forward.gif"):
        with Image.open(tmp_path / "once/figures" / film) as opened:
            assert opened.n_frames == 4
    with Image.open(tmp_path / "once/figures/densities.png") as picture:
        assert picture.width > 2.5 * picture.height  # three panels


def test_a_picture_that_fails_is_seen_and_takes_nothing_with_it(
    drawn: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(run_pictures, "path_figure", broken)
    with pytest.warns(PictureWarning, match="paths could not be drawn") as said:
        names = drawn(generator(points(config=PAIR)))
    assert names == (ALWAYS | FORWARD | PLANE) - {"paths.png"}
    assert "ZeroDivisionError: a defect" in str(said[0].message)
    assert "in broken" in str(said[0].message), "the traceback"
