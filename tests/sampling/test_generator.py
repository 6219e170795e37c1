"""The pictures of a set of samples: for points of any kind, and never in their way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from snowmelt.common.errors import PictureWarning
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Geometric, Learned, Linear, ZeroTerminal
from snowmelt.nets.mlp import MLP
from snowmelt.nets.unet import UNet
from snowmelt.sampling import generator
from snowmelt.sampling.generator import Drawing, save_pictures
from snowmelt.sampling.guidance.classifier_free import ClassifierFreeGuidance
from snowmelt.sampling.guidance.guidance import Given, Unguided
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.viz import style
from snowmelt.viz.plots.image_grid import denoising_strip
from snowmelt.viz.run_figures import (
    model_density,
    path_figure,
    trajectory_animation,
)

CLOUDS = "snowmelt.data.sources.toy"
PAIR = {"_target_": f"{CLOUDS}.double_gaussian.DoubleGaussian", "name": "pair"}
SOLID = {
    "_target_": f"{CLOUDS}.known.Known",
    "name": "solid",
    "density": {"_target_": "snowmelt.densities.DoubleGaussian", "size": 3},
}
ALL = {"forward.gif", "forward.png", "fields.png", "densities.png", "paths.png"}
ALWAYS = {"samples.npy", "samples.png", "trajectory.gif", "trajectory.png"}
PIXELS = style.png_bytes
COSINE = VariancePreserving(Cosine())


def manifest(size: int = 2, config: dict[str, Any] | None = None) -> Manifest:
    return Manifest(
        kind="points",
        name="points",
        count=30,
        train_count=20,
        held_out_count=10,
        shape=(size,),
        dtype="float32",
        value_range=None,
        classes=("a", "b"),
        class_counts={"a": 15, "b": 15},
        mean=(0.3, -1.0, 2.0)[:size],
        std=0.6,
        split={"kind": "official", "seed": 0, "held_out_fraction": None},
        skipped=(),
        notes=(),
        digests={"points.npy": "d" * 64},
        config=config or {},
    )


def network(size: int, process: Process, classes: int = 0) -> Denoiser:
    torch.manual_seed(0)
    net = MLP((size,), width=8, blocks=1, embedding=8, classes=classes)
    return Denoiser(net, process, V()).eval()


def drawing(
    process: Process = COSINE,
    *,
    size: int = 2,
    config: dict[str, Any] | None = PAIR,
    is_real: bool = True,
    sampler: Sampler | None = None,
) -> Drawing:
    real = torch.randn(40, size, generator=torch.Generator().manual_seed(1))
    return Drawing(
        denoiser=network(size, process),
        sampler=sampler or DDIM(3),
        guidance=Unguided(),
        given=Given(shape=(size,)),
        manifest=manifest(size, config),
        seed=0,
        real=real if is_real else None,
    )


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Drawing], set[str]]:
    """Draws the pictures with few of everything; gives the names of the files.

    The figures are made but not turned into pixels, which would take most of the time.
    """
    monkeypatch.setattr(style, "png_bytes", lambda figure: b"drawn")
    monkeypatch.setattr(trajectory_animation, "MOMENTS", 3)
    monkeypatch.setattr(model_density, "CELLS", 8)
    for name, few in (("FOLLOWED", 3), ("STEPS", 4), ("HEUN_STEPS", 3)):
        monkeypatch.setattr(path_figure, name, few)

    def run(asked: Drawing, folder: str = "draft") -> set[str]:
        draft = tmp_path / folder
        draft.mkdir()
        np.save(draft / "samples.npy", asked.draw(torch.arange(30)))
        save_pictures(asked, draft)
        return {file.name for file in draft.iterdir()}

    return run


PROCESSES: dict[str, Process] = {
    "preserving": COSINE,
    "exploding": VarianceExploding(Geometric(0.01, 50.0)),
    "sub": SubVariancePreserving(Linear(0.1, 20.0)),
    "learned": VariancePreserving(Learned()),
    "no signal": VariancePreserving(ZeroTerminal(Linear(0.1, 20.0))),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_every_process_gets_every_picture(
    name: str, draw: Callable[[Drawing], set[str]]
) -> None:
    assert draw(drawing(PROCESSES[name])) == ALWAYS | ALL


CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "unknown, over real points": ({"config": None}, ALL),
    "unknown, a bare checkpoint": (
        {"config": None, "is_real": False},
        {"fields.png", "densities.png", "paths.png"},
    ),
    "known, a bare checkpoint": ({"is_real": False}, ALL),
    "a line": ({"size": 1, "config": None}, ALL - {"fields.png", "densities.png"}),
    "three dimensions": (
        {"size": 3, "config": None},
        ALL - {"fields.png", "densities.png"},
    ),
    "three known ones": (
        {"size": 3, "config": SOLID},
        ALL - {"fields.png", "densities.png"},
    ),
    "a solver of its own": ({"sampler": Adaptive(3, rtol=0.1, atol=0.1)}, ALL),
}


@pytest.mark.parametrize("name", CASES)
def test_points_of_all_kinds(name: str, draw: Callable[[Drawing], set[str]]) -> None:
    given, wanted = CASES[name]
    assert draw(drawing(**given)) == ALWAYS | wanted


def test_images_leave_a_strip_of_the_way(
    draw: Callable[[Drawing], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, strips = (1, 4, 4), []
    about = replace(
        manifest(), kind="images", shape=shape, value_range=(0, 16), dtype="uint8",
        mean=(8.0,), std=4.0, classes=None, class_counts=None,
    )  # fmt: skip
    net = UNet(shape, widths=[8], blocks=1, attention=[False], embedding=8)
    pictured = replace(
        drawing(), denoiser=Denoiser(net, COSINE, V()).eval(), given=Given(shape=shape),
        manifest=about, real=None,
    )  # fmt: skip

    def strip(frames: np.ndarray, times: list[float], value_range: Any) -> Any:
        strips.append((frames, times, value_range))
        return denoising_strip(frames, times, value_range)

    monkeypatch.setattr(generator, "denoising_strip", strip)
    assert draw(pictured) == {"samples.npy", "samples.png", "trajectory.png"}
    ((frames, times, value_range),) = strips
    assert frames.shape == (4, generator.FOLLOWED, *shape)
    assert frames.dtype == np.uint8
    assert times[0] == pytest.approx(1.0)
    assert times[-1] == 0.0
    assert value_range == (0, 16)
    assert (frames[-1] == pictured.draw(torch.arange(generator.FOLLOWED))).all()


def test_a_network_of_classes_with_guidance(draw: Callable[[Drawing], set[str]]) -> None:
    told = replace(
        drawing(),
        denoiser=network(2, COSINE, classes=2),
        guidance=ClassifierFreeGuidance(labels=[0, 1], scale=2.0),
        given=Given(shape=(2,), classes=("a", "b")),
    )
    assert draw(told) == ALWAYS | ALL


def test_the_same_inputs_give_the_same_bytes(
    draw: Callable[..., set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "png_bytes", PIXELS)
    names = draw(drawing(), "once")
    assert draw(drawing(), "again") == names
    for name in names:
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("once", "again"))
        assert one == two, name
        assert len(one) > 300, name
    with Image.open(tmp_path / "once/trajectory.gif") as film:
        assert film.n_frames == 4, "three states and the samples"
    with Image.open(tmp_path / "once/forward.gif") as film:
        assert film.n_frames == 3


def test_a_density_that_cannot_be_had_is_no_hindrance(
    draw: Callable[[Drawing], set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"_target_": "snowmelt.data.Gone"}
    assert draw(drawing(config=gone)) == ALWAYS | ALL
    assert "without the density of the data" in capsys.readouterr().out


def test_without_real_points_the_forward_film_is_said_to_be_missing(
    draw: Callable[[Drawing], set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    draw(drawing(config=None, is_real=False))
    assert "forward film: left out" in capsys.readouterr().out


def test_a_picture_that_fails_is_seen_and_takes_nothing_with_it(
    draw: Callable[[Drawing], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(generator, "paths", broken)
    with pytest.warns(PictureWarning, match="paths could not be drawn") as said:
        names = draw(drawing())
    assert names == ALWAYS | ALL - {"paths.png"}
    assert "ZeroDivisionError: a defect" in str(said[0].message)
    assert "in broken" in str(said[0].message), "the traceback"
