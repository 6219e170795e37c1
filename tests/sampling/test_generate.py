"""Samples are a function of their index: not of the batch, and not of the process."""

from __future__ import annotations

import io
import json
import os
import signal
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import Mistake
from tests.project import TINY, in_process, last_of_each, make_workspace

from snowmelt.common import stopping
from snowmelt.common.files import sha256
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.stages.sample import times_of
from snowmelt.sampling.storage.draw_journal import DrawJournal
from snowmelt.training.checkpoint import build_denoiser, load, save

SETTINGS = ("num_samples=40", "seed=3", "tracking=none")
CONDITIONAL = "denoiser.conditional=true"
Drawn = tuple[np.ndarray, dict[str, Any]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a checkpoint, and one of a network that knows classes."""
    folder = make_workspace(tmp_path_factory.mktemp("sampling") / "project")
    in_process("prepare", cwd=folder)
    in_process("train", *TINY, "tracking=none", cwd=folder)
    checkpoint = load(folder / "outputs/model/model.ckpt")
    config = checkpoint.config | {"denoiser": {"conditional": True}}
    manifest = checkpoint.manifest
    torch.manual_seed(0)
    net = build_denoiser(config, manifest.shape, manifest.classes).net
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    weights = net.state_dict()
    told = replace(checkpoint, identity="told", config=config, raw=weights, ema=weights)
    save(folder / "outputs/told/model.ckpt", told)
    return folder


@pytest.fixture
def draw(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Drawn]:
    """Runs `snowmelt sample` in this process; gives the samples and their description."""

    def run(out: str, *overrides: str) -> Drawn:
        monkeypatch.chdir(trained)
        command = ("sample", *SETTINGS, "sampler=ddim", "sampler.steps=3", *overrides)
        assert main(last_of_each([*command, f"out={out}"])) == 0
        said = json.loads((trained / out / "samples.json").read_text())
        return np.load(trained / out / "samples.npy"), said

    return run


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_the_batch_size_changes_no_sample(draw: Callable[..., Drawn], sampler: str) -> None:
    drawn = [
        draw(f"{sampler}_{size}", f"sampler={sampler}", f"batch_size={size}")[0]
        for size in (1, 7, 40)
    ]
    np.testing.assert_array_equal(drawn[1], drawn[0])
    np.testing.assert_array_equal(drawn[2], drawn[0])


def test_another_seed_and_more_samples(draw: Callable[..., Drawn]) -> None:
    """More samples begin with the same ones; another seed has none of them."""
    first, _ = draw("few", "num_samples=8", "seed=0")
    more, _ = draw("more", "num_samples=12", "seed=0")
    np.testing.assert_array_equal(more[:8], first)
    other, _ = draw("other", "num_samples=8", "seed=1")
    assert all((a != b).any() for a, b in zip(first, other, strict=True))


def test_the_time_is_known_and_is_no_part_of_the_samples(
    trained: Path, draw: Callable[..., Drawn]
) -> None:
    _, said = draw("timed")
    before = (trained / "timed/samples.json").read_bytes()
    seconds = times_of(trained).seconds(said["identity"])
    assert seconds is not None
    assert 0 < seconds < 60
    draw("timed")
    assert (trained / "timed/samples.json").read_bytes() == before


def test_the_description_says_how(trained: Path) -> None:
    command = ("sample", *SETTINGS, "sampler.steps=4", "weights=raw", "out=described")
    in_process(*command, cwd=trained)
    described = json.loads((trained / "described/samples.json").read_text())
    assert described["guidance"] == {"_target_": "snowmelt.guidance.Unguided"}
    assert described["evaluations"] == 4
    assert described["examples"] is None
    assert described["checkpoint"]["weights"] == "raw"
    assert described["sampler"]["steps"] == 4
    assert described["num_samples"] == 40
    assert described["seed"] == 3
    assert len(described["digest"]) == 64


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("num_samples=0", "sample.num_samples"),
        ("batch_size=-1", "sample.batch_size"),
        ("weights=best", "sample.weights"),
        ("device=cuda:9", "sample.device"),
        ("sampler.steps=0", "steps"),
        ("sample.precision=bf16", "sample.precision must be 32-true or bf16-mixed"),
        ("sample.png=-1", "sample.png must be an integer"),
        ("sampler.eta=2", "eta"),
        ("checkpoint=nowhere.ckpt", "nowhere.ckpt"),
        ("checkpoint=params.yaml", "params.yaml"),
    ],
)
def test_a_mistake_is_named(
    trained: Path, mistake: Mistake, override: str, named: str
) -> None:
    command = ("sample", "tracking=none", override, "out=never")
    assert named in mistake(*command, cwd=trained)
    assert not (trained / "never").exists()


def test_a_folder_of_somebody_else_is_not_replaced(trained: Path, mistake: Mistake) -> None:
    mine = trained / "mine"
    mine.mkdir(exist_ok=True)
    (mine / "photo.txt").write_text("dear to me")
    command = ("sample", *SETTINGS, "sampler.steps=4", "out=mine")
    assert "samples.json" in mistake(*command, cwd=trained)
    assert (mine / "photo.txt").read_text() == "dear to me"


def test_ctrl_c_says_how_many_samples_are_kept(
    trained: Path,
    draw: Callable[..., Drawn],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the same command draws the rest."""
    whole, said = draw("undisturbed", "batch_size=16")
    add = DrawJournal.add

    def asked_to_stop(*given: object) -> None:
        add(*given)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGINT)

    command = ["sample", *SETTINGS, "sampler=ddim", "sampler.steps=3", "batch_size=16"]
    with monkeypatch.context() as patch:
        patch.setattr(DrawJournal, "add", asked_to_stop)
        assert main([*command, "out=stopped"]) == stopping.STATUS
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        "snowmelt sample: stopped after 16 of 40 samples, which are kept; go on with:"
        " snowmelt sample num_samples=40"
    )
    assert not (trained / "stopped").exists()
    monkeypatch.setattr(stopping._Request, "since", None)
    assert main([*command, "out=stopped"]) == 0
    out = capsys.readouterr().out
    assert "sample: going on: 16 of 40 samples were drawn before" in out
    assert out.splitlines()[-1] == f"sample: {trained / 'stopped'}"
    assert np.array_equal(np.load(trained / "stopped/samples.npy"), whole)
    assert json.loads((trained / "stopped/samples.json").read_text()) == said
    assert not (trained / ".snowmelt/sample").exists()


def test_png_files_of_the_first_samples(trained: Path, draw: Callable[..., Drawn]) -> None:
    samples, said = draw("shown", "sample.png=5")
    with zipfile.ZipFile(trained / "shown/images-000000.zip") as archive:
        assert archive.namelist() == [f"{number:06}.png" for number in range(5)]
        third = np.asarray(Image.open(io.BytesIO(archive.read("000002.png"))))
    np.testing.assert_array_equal(third, np.rint(255 / 16 * samples[2, 0]))
    assert said["digests"]["images-000000.zip"] == sha256(
        trained / "shown/images-000000.zip"
    )


def test_other_numbers_are_other_samples_of_nearly_the_same_values(
    draw: Callable[..., Drawn],
) -> None:
    exact, said = draw("exact")
    half, told = draw("half", "sample.precision=bf16-mixed")
    assert (said["precision"], told["precision"]) == ("32-true", "bf16-mixed")
    assert said["identity"] != told["identity"]
    differs = np.abs(half.astype(int) - exact)
    assert 0 < differs.mean() < 0.5


def test_without_a_compiler_a_word_is_said(
    draw: Callable[..., Drawn],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the samples are named as what they are."""
    plain, said = draw("plain")
    monkeypatch.setenv("CXX", "no-such-compiler")
    found, told = draw("uncompiled", "sample.compile=true")
    line = "sample: the network is not compiled: there is no C++ compiler here"
    assert line in capsys.readouterr().err
    assert np.array_equal(found, plain)
    assert told == said


GUIDED = {
    "classifier_free": (CONDITIONAL, "checkpoint=outputs/told/model.ckpt"),
    "replacement": ("guidance.mask._target_=snowmelt.guidance.Scattered",),
    "repaint": ("guidance.resamples=2",),
    "measurement": (),
    "measurement_blur": ("sampler.eta=1.0",),
    "inversion": (),
}


@pytest.mark.parametrize("guidance", GUIDED)
def test_the_batch_size_changes_no_guided_sample(
    draw: Callable[..., Drawn], guidance: str
) -> None:
    chosen = (f"guidance={guidance}", *GUIDED[guidance])
    whole, said = draw(f"{guidance}_40", *chosen, "batch_size=40")
    assert np.array_equal(draw(f"{guidance}_7", *chosen, "batch_size=7")[0], whole)
    first, _ = draw(f"{guidance}_1", *chosen, "batch_size=1", "num_samples=5")
    assert np.array_equal(first, whole[:5])
    assert said["guidance"]["_target_"].startswith("snowmelt.guidance.")
    assert ("error_to_examples" in said) == (said["examples"] is not None)


def test_two_processes_draw_the_guided_samples_of_one(
    trained: Path, draw: Callable[..., Drawn]
) -> None:
    whole, said = draw("alone", "guidance=measurement")
    command = ("sample", *SETTINGS, "sampler=ddim", "sampler.steps=3", "batch_size=7")
    both = ("guidance=measurement", "trainer.processes=2", "out=together")
    in_process(*command, *both, cwd=trained)
    assert np.array_equal(np.load(trained / "together/samples.npy"), whole)
    assert json.loads((trained / "together/samples.json").read_text()) == said


def test_the_labels_stand_beside_the_samples(
    trained: Path, draw: Callable[..., Drawn]
) -> None:
    told = ("guidance=classifier_free", *GUIDED["classifier_free"])
    samples, said = draw("all_classes", *told)
    labels = np.load(trained / "all_classes/labels.npy")
    assert labels.dtype == np.int64
    assert labels.tolist() == [index % 10 for index in range(40)]
    assert said["guidance"]["scale"] == 2.0
    assert said["evaluations"] == 6
    threes, _ = draw("threes", *told, "guidance.labels=[3,'5']")
    assert np.load(trained / "threes/labels.npy").tolist() == [3, 5] * 20
    # Where the class is the same, so is the sample.
    same = (np.arange(40) % 10 == 3) & (np.arange(40) % 2 == 0)
    same |= (np.arange(40) % 10 == 5) & (np.arange(40) % 2 == 1)
    assert np.array_equal(threes[same], samples[same])
    free, unguided = draw("untold", CONDITIONAL, GUIDED["classifier_free"][1])
    assert unguided["evaluations"] == 3
    assert unguided["identity"] != said["identity"]
    assert not (trained / "untold/labels.npy").exists()
    assert free.shape == samples.shape


def test_known_pixels_of_held_out_images_are_kept(
    trained: Path, draw: Callable[..., Drawn]
) -> None:
    manifest = json.loads((trained / "data/prepared/manifest.json").read_text())
    held_out = np.load(trained / "data/prepared/images.npy")[manifest["train_count"] :]
    found, said = draw("completed", "guidance=repaint", "guidance.resamples=2")
    assert np.array_equal(found[..., :4], held_out[:40, ..., :4])
    assert not np.array_equal(found[..., 4:], held_out[:40, ..., 4:])
    rms = np.sqrt(np.square(found.astype(float) - held_out[:40]).mean())
    assert said["error_to_examples"] == pytest.approx(rms)
    assert said["evaluations"] == 2 * 2 + 1
    assert said["examples"] == manifest["digests"]["images.npy"]
    with np.load(trained / "completed/completion.npz", allow_pickle=False) as shown:
        assert np.array_equal(shown["real"], held_out[:16])
        assert np.array_equal(shown["seen"][..., :4], held_out[:16, ..., :4])


def test_there_are_more_samples_than_examples(
    trained: Path, draw: Callable[..., Drawn]
) -> None:
    count = json.loads((trained / "data/prepared/manifest.json").read_text())[
        "held_out_count"
    ]
    found, _ = draw("around", "guidance=replacement", f"num_samples={count + 2}")
    assert np.array_equal(found[count:, ..., :4], found[:2, ..., :4])


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (("guidance=classifier_free",), "denoiser.conditional"),
        (("guidance=classifier_free", CONDITIONAL), "trained without"),
        (
            ("sampler=ddpm_learned", "denoiser.learned_variance=true", "loss=hybrid"),
            "was not trained to answer it",
        ),
        (
            (
                "guidance=classifier_free",
                "guidance.labels=cat",
                *GUIDED["classifier_free"],
            ),
            "no class 'cat'; the network knows 0, 1",
        ),
        (("guidance=measurement_gray",), "Gray needs colour"),
        (("guidance=measurement", "guidance.operator.factor=3"), "does not divide"),
        (
            ("guidance=repaint", "guidance.mask.share=2"),
            "guidance.mask.share must be a number",
        ),
        (
            ("guidance=repaint", "guidance.resamples=0"),
            "guidance.resamples must be a positive integer",
        ),
        (("guidance=inversion",), "sampler=ddim"),
        (("guidance=replacement", "paths.prepared=nowhere"), "nowhere"),
        (("guidance=replacement", "sampler=ode_adaptive"), "chooses its own steps"),
        (
            ("guidance=none", "guidance._target_=snowmelt.grids.Grid"),
            "not a Guidance",
        ),
    ],
)
def test_a_mistaken_guidance_is_named(
    trained: Path, mistake: Mistake, overrides: tuple[str, ...], named: str
) -> None:
    command = ("sample", "tracking=none", "num_samples=4", *overrides, "out=never")
    assert named in mistake(*command, cwd=trained)
    assert not (trained / "never").exists()
