"""From images to images: pairs, answers and numbers from compose to report."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.pipeline.cli import main
from tests.project import TINY, in_process, last_of_each

SMALL = (
    *TINY,
    "tracking=none",
    "net=unet",
    "data=array",
    "training.steps=6",
    "sample.num_samples=18",
)
ONE_WINDOW = {"ssim", "given_ssim"}  # needs images of eleven pixels


@pytest.fixture
def coloured(workspace: Path) -> Path:
    """Ninety images of one hue each, in a file of the project."""
    random = np.random.default_rng(0)
    hue = random.uniform(30, 220, (90, 3, 1, 1))
    images = (hue + random.normal(0, 15, (90, 3, 12, 12))).clip(0, 255)
    np.save(workspace / "colours.npy", images.astype(np.uint8))
    return workspace


def run(folder: Path, *arguments: str) -> dict[str, float]:
    in_process("pipeline", *SMALL, "data.path=colours.npy", *arguments, cwd=folder)
    found: dict[str, float] = json.loads(
        (folder / "reports" / "metrics.json").read_text(encoding="utf-8")
    )
    return found


def refused(capsys: pytest.CaptureFixture[str], cwd: Path, *arguments: str) -> str:
    """The one line with which a command ends that cannot be done."""
    capsys.readouterr()
    with contextlib.chdir(cwd):
        assert main(last_of_each(arguments)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_gray_images_become_colour_ones(coloured: Path) -> None:
    found = run(coloured, "experiment=gray_to_colour", "sample.num_samples=30")
    data = PreparedData.open(coloured / "data" / "prepared")
    starts = PreparedData.open(coloured / "data" / "prepared" / "start")
    for images, gray in ((data.train, starts.train), (data.held_out, starts.held_out)):
        mean = images.astype(float).mean(axis=1, keepdims=True)
        np.testing.assert_array_equal(gray, np.rint(mean).repeat(3, axis=1))
    samples = coloured / "outputs" / "samples"
    answers = np.load(samples / "answers.npz")
    np.testing.assert_array_equal(answers["real"], data.held_out[:16])
    np.testing.assert_array_equal(answers["given"], starts.held_out[:16])
    assert answers["answers"].shape == (16, 6, 3, 12, 12)
    # More samples than starts: the nineteenth is another answer to the first.
    drawn = np.load(samples / "samples.npy")
    np.testing.assert_allclose(
        answers["answers"][0, :2].astype(int), drawn[[0, 18]].astype(int), atol=1
    )
    assert (drawn[0] != drawn[18]).any()
    wanted = {"psnr", "given_psnr", "measurement_error", "answer_spread", *ONE_WINDOW}
    assert (wanted | {"frechet_distance", "completion_error"}) <= found.keys()
    figures = coloured / "reports" / "figures"
    assert (figures / "answers.png").stat().st_size > 1000
    page = (coloured / "reports" / "index.html").read_text(encoding="utf-8")
    assert "From image to image" in page


@pytest.mark.slow
def test_one_answer_a_walk_with_noise_and_no_pairs(coloured: Path) -> None:
    still = run(coloured, "experiment=gray_to_colour", "start.noise_std=0")
    assert "answer_spread" not in still
    walk = (
        "interpolant=brownian_bridge",
        "interpolant.std=0.3",
        "denoiser.with_score=true",
        "sampler=euler_maruyama",
        "threshold=none",
    )
    assert run(coloured, "experiment=low_to_high", *walk)["answer_spread"] > 0
    data = json.loads((coloured / "data" / "prepared" / "manifest.json").read_text())
    start = json.loads((coloured / "data" / "prepared/start/manifest.json").read_text())
    assert start["config"]["by"]["factor"] == 4
    assert start["train_count"] == data["train_count"]
    unpaired = ("coupling=optimal_transport", "start.noise_std=0")
    assert "psnr" in run(coloured, "experiment=gray_to_colour", *unpaired)


def test_guidance_answers_the_same_question(coloured: Path) -> None:
    found = run(coloured, "guidance=measurement_gray", "sampler=ddim", "likelihood=none")
    keys = {"psnr", "given_psnr", "measurement_error", "answer_spread", *ONE_WINDOW}
    assert (keys | {"completion_frechet_distance"}) <= found.keys()
    answers = np.load(coloured / "outputs" / "samples" / "answers.npz")
    assert answers["answers"].shape == (16, 6, 3, 12, 12)
    assert (coloured / "reports" / "figures" / "answers.png").exists()


def test_digits_become_digits(workspace: Path) -> None:
    kept = [text for text in TINY if not text.startswith("sample.")]
    journey = ("experiment=digits_to_digits", "tracking=none", "training.steps=6")
    in_process("pipeline", *journey, *kept, cwd=workspace)
    prepared = workspace / "data" / "prepared"
    data, starts = PreparedData.open(prepared), PreparedData.open(prepared / "start")
    # As many as scikit-learn has of each.
    assert (data.manifest.count, starts.manifest.count) == (174, 183)
    answers = np.load(workspace / "outputs" / "samples" / "answers.npz")
    assert set(answers.files) == {"given", "answers"}
    np.testing.assert_array_equal(answers["given"], starts.held_out[:16])
    assert answers["answers"].shape == (16, 1, 1, 8, 8)
    found = json.loads((workspace / "reports" / "metrics.json").read_text())
    assert not {"psnr", "completion_error"} & found.keys()


def test_what_does_not_go_together_is_one_line(
    coloured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = ("compose", "experiment=gray_to_colour", "data=digits", "net=unet")
    said = refused(capsys, coloured, *flow)
    assert "start, data: Gray needs colour, the images have 1 channel" in said
    own = ("compose", "data=array", "data.path=colours.npy", "net=unet")
    uneven = ("experiment=low_to_high", "start.by.factor=5")
    said = refused(capsys, coloured, *own, *uneven)
    assert "factor=5 does not divide images of 12x12" in said
    mirrored = ("experiment=gray_to_colour", "training.flip=true")
    assert "set training.flip=false" in refused(capsys, coloured, *own, *mirrored)
    digits = ("prepare", "experiment=digits_to_digits", "data.classes=[eleven]")
    said = refused(capsys, coloured, *digits)
    assert "there is no class 'eleven'" in said
    digits = ("prepare", "experiment=digits_to_digits", "start.of.classes=[eleven]")
    assert "there is no class 'eleven'" in refused(capsys, coloured, *digits)
