"""The arrays that pictures of samples are made of: of any kind, and never in their way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import tiny_models
from tests.tiny_models import PROCESSES, generator, images, points, real

from snowmelt.common.array_files import read_arrays
from snowmelt.common.errors import PictureWarning
from snowmelt.sampling import picture_arrays
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.guidance.classifier_free import ClassifierFreeGuidance
from snowmelt.sampling.guidance.guidance import Conditioning
from snowmelt.sampling.guidance.inpainting import Inpainting
from snowmelt.sampling.guidance.masks import Side
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.trajectories import forward

ALL = {"trajectory.npz", "paths.npz", "forward.npz"}


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Writes the arrays with few of everything; gives the names of the files."""
    tiny_models.make_few(monkeypatch)

    def run(asked: Generator, folder: str = "draft", is_real: bool = True) -> set[str]:
        draft = tmp_path / folder
        draft.mkdir()
        size = asked.manifest.shape[0]
        picture_arrays.save(asked, draft, real(size) if is_real else None)
        return {file.name for file in draft.iterdir()}

    return run


@pytest.mark.parametrize("name", PROCESSES)
def test_points_of_every_process(
    name: str, draw: Callable[..., set[str]], tmp_path: Path
) -> None:
    asked = generator(points(), PROCESSES[name])
    assert draw(asked) == ALL
    way = read_arrays(tmp_path / "draft/trajectory.npz")
    assert way["frames"].shape == (4, 30, 2)
    assert way["frames"].dtype == np.float32
    assert (way["times"][0], way["times"][-1]) == (pytest.approx(1.0), 0.0)
    # A process of exploding variance has some at t = 0 already, and is shrunk for it.
    samples = asked.draw(torch.arange(30))
    np.testing.assert_allclose(way["frames"][-1], samples, rtol=2e-4, atol=1e-4)
    assert np.abs(way["frames"][0]).max() < 5, "states that grew are shrunk"
    paths = read_arrays(tmp_path / "draft/paths.npz")
    names = {"chain", "sde", "ode"} if name != "no signal" else {"chain"}
    assert set(paths) == {f"{n}_{part}" for n in names for part in ("times", "states")}


@pytest.mark.parametrize("size", [1, 3])
def test_points_of_other_dimensions(size: int, draw: Callable[..., set[str]]) -> None:
    assert draw(generator(points(size))) == ALL


def test_a_solver_that_chooses_its_steps(draw: Callable[..., set[str]]) -> None:
    assert draw(generator(points(), sampler=Adaptive(3, rtol=0.1, atol=0.1))) == ALL


def test_the_forward_film_is_the_markov_chain_of_real_points(
    draw: Callable[..., set[str]], tmp_path: Path
) -> None:
    asked = generator(points())
    draw(asked)
    found = read_arrays(tmp_path / "draft/forward.npz")
    times = torch.linspace(0, 1, 4, dtype=torch.float64)
    assert found["times"].tolist() == times.tolist()
    way = forward(asked.denoiser.process, real(), times, seed=0)
    mean = np.array(asked.manifest.mean)
    expected = way.states.double().numpy() * asked.manifest.std + mean
    np.testing.assert_allclose(found["frames"], expected, rtol=1e-5, atol=1e-6)
    assert found["frames"].dtype == np.float32


def test_without_real_points_the_forward_film_is_said_to_be_missing(
    draw: Callable[..., set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert draw(generator(points()), is_real=False) == ALL - {"forward.npz"}
    assert "forward film: left out" in capsys.readouterr().out


def test_images_leave_their_way_alone(
    draw: Callable[..., set[str]], tmp_path: Path
) -> None:
    asked = generator(images())
    assert draw(asked) == {"trajectory.npz"}
    way = read_arrays(tmp_path / "draft/trajectory.npz")
    assert way["frames"].shape == (4, picture_arrays.FOLLOWED, *tiny_models.IMAGE)
    assert way["frames"].dtype == np.uint8
    assert (way["times"][0], way["times"][-1]) == (pytest.approx(1.0), 0.0)
    first = asked.draw(torch.arange(picture_arrays.FOLLOWED))
    assert (way["frames"][-1] == first).all()


def test_a_network_of_classes_with_guidance(draw: Callable[..., set[str]]) -> None:
    told = generator(
        points(),
        guidance=ClassifierFreeGuidance(labels=[0, 1], scale=2.0),
        conditioning=Conditioning(shape=(2,), classes=("a", "b")),
        classes=2,
    )
    assert draw(told) == ALL


def test_completed_examples_are_kept_with_what_was_seen_of_them(
    draw: Callable[..., set[str]], tmp_path: Path
) -> None:
    examples = torch.linspace(-1, 1, 30 * 16).reshape(30, *tiny_models.IMAGE)
    asked = generator(
        images(),
        guidance=Inpainting(Side()),
        conditioning=Conditioning(
            shape=tiny_models.IMAGE, examples=lambda index: examples[index]
        ),
    )
    assert draw(asked) == {"trajectory.npz", "completion.npz"}
    found = read_arrays(tmp_path / "draft/completion.npz")
    count = picture_arrays.COMPLETED
    assert (found["real"] == asked.stored(examples[:count])).all()
    assert found["seen"].shape == found["real"].shape
    kept = found["seen"] == found["real"]
    assert kept.any()
    assert not kept.all()


def test_the_same_inputs_give_the_same_bytes_and_nothing_that_runs(
    draw: Callable[..., set[str]], tmp_path: Path
) -> None:
    names = draw(generator(points()), "once")
    assert draw(generator(points()), "again") == names
    for name in names:
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("once", "again"))
        assert one == two, name
        with np.load(tmp_path / "once" / name, allow_pickle=False) as found:
            assert all(found[key].dtype != object for key in found), name


def test_an_array_that_fails_is_seen_and_takes_nothing_with_it(
    draw: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(picture_arrays, "compared_paths", broken)
    with pytest.warns(PictureWarning, match="paths could not be drawn") as said:
        names = draw(generator(points()))
    assert names == ALL - {"paths.npz"}
    assert "ZeroDivisionError: a defect" in str(said[0].message)
    assert "in broken" in str(said[0].message), "the traceback"
