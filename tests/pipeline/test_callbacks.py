"""What a person sees of a training is told the classes that the network is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from snowmelt.common import distributed
from snowmelt.common.rank_reports import Reporter
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Hybrid, Loss, Simple
from snowmelt.pipeline import callbacks
from snowmelt.pipeline.callbacks import MetricLog, SamplePictures
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.kept_pictures import MOST_IMAGES, KeptPictures
from snowmelt.pipeline.progress_bar import ProgressBar
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.tracking.run import Run
from snowmelt.training import history
from snowmelt.training.budget import Stopwatch
from snowmelt.training.history import History
from snowmelt.training.module import DiffusionModule
from snowmelt.viz.sweep_page.moment import Moment
from tests.project import ROOT
from tests.training.conftest import examples, fit, labels, make_module, manifest

__all__ = ["examples", "fit", "labels", "make_module", "manifest"]  # fixtures
Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]


class Told(DDIM):
    """A sampler that notes which labels its denoiser has."""

    labels: torch.Tensor | None = None

    def estimates(self, denoiser: Denoiser, *state: Any) -> Any:
        self.labels = denoiser.labels
        return super().estimates(denoiser, *state)


@pytest.fixture
def run() -> Any:
    """A run that keeps what is logged."""
    kept: list[Any] = []
    return SimpleNamespace(
        kept=kept,
        log_metrics=lambda values, step: kept.append(values),
        set_tags=lambda tags: None,
        log_picture=lambda name, path, step: kept.append((name, path.is_file(), step)),
        newest=lambda name: None,
    )


@pytest.mark.parametrize("loss", [Simple(), Hybrid(steps=10)], ids=["fixed", "learned"])
@pytest.mark.parametrize("classes", [0, 3])
def test_pictures_show_one_class_after_the_other(
    make_module: Make, fit: Fit, run: Any, loss: Loss, classes: int
) -> None:
    sampler = Told(2, eta=0.0)
    module = make_module(loss=loss, classes=classes, steps=2, picture_every=2)
    fit(module, SamplePictures(run, sampler, seed=0, classes=classes))
    assert run.kept == [("samples", True, 2)]
    if classes:
        assert torch.equal(sampler.labels, torch.arange(callbacks.PICTURED) % 3)
    else:
        assert sampler.labels is None


def test_a_picture_and_the_held_out_loss_are_progress(
    make_module: Make,
    fit: Fit,
    run: Any,
    examples: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each part of the network that has answered is told to who watches over a group."""
    told: list[str] = []
    monkeypatch.setattr(
        Reporter, "progress", lambda self, text, every=0.0: told.append(text)
    )
    observers = (History(2, examples, 2), SamplePictures(run, DDIM(3, eta=0.0), seed=0))
    alone = make_module(steps=2, picture_every=2)
    fit(alone, *observers)
    assert not told, "there is no group"
    monkeypatch.setenv(distributed.STARTED, str(tmp_path))
    module = make_module(steps=2, picture_every=2)
    fit(module, *observers)
    parts = len(list(module.ema.net.modules()))
    kinds = ["held-out loss after step 2", "picture of samples after step 2"]
    assert sorted(set(told)) == kinds
    # Three steps of the sampler take three answers, the loss one.
    assert told.count(kinds[1]) == 3 * told.count(kinds[0])
    assert parts / 2 < told.count(kinds[0]) <= parts
    told.clear()
    module.averaged().x_0(torch.zeros(2, 2), torch.tensor(0.5))
    assert not told, "it is noted no longer"
    assert module.history == alone.history


def test_pictures_are_kept_for_the_page_of_a_sweep(
    make_module: Make, fit: Fit, run: Any, tmp_path: Path
) -> None:
    kept = KeptPictures.of(tmp_path, "a")
    module = make_module(steps=4, picture_every=2)
    fit(module, SamplePictures(run, Told(2, eta=0.0), seed=0, kept=lambda: kept))
    found = kept.read()
    assert list(found) == [Moment(2), Moment(4)]
    assert {len(samples) for samples in found.values()} <= {MOST_IMAGES, callbacks.PICTURED}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_pictures_are_drawn_in_the_numbers_of_a_step(precision: Any) -> None:
    trainer = pl.Trainer(precision=precision, accelerator="cpu", logger=False)
    with callbacks._mixed_numbers(trainer):
        is_mixed = torch.is_autocast_enabled("cpu")
    assert is_mixed == (precision == "bf16-mixed")


@pytest.mark.parametrize("is_conditional", [False, True])
def test_the_held_out_loss_is_logged_with_its_classes(
    make_module: Make,
    fit: Fit,
    run: Any,
    examples: np.ndarray,
    labels: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    is_conditional: bool,
) -> None:
    monkeypatch.setattr(history, "HELD_OUT", 12)
    given: list[Any] = []

    def held_out_loss(module: Any, stored: torch.Tensor, told: Any = None) -> float:
        given.append((len(stored), told))
        return 0.25

    monkeypatch.setattr(DiffusionModule, "held_out_loss", held_out_loss)
    module = make_module(classes=3, steps=4)
    seen = History(2, examples, 4, labels if is_conditional else None)
    fit(module, seen, MetricLog(run))
    ((count, told),) = given
    assert count == 12
    assert told is None if not is_conditional else told.tolist() == labels[:12].tolist()
    assert [row.get("held_out_loss") for row in module.history] == [None, 0.25]
    assert [row.get("train/held_out_loss") for row in run.kept] == [None, 0.25]
    for row, logged in zip(module.history, run.kept, strict=True):
        assert logged["train/loss"] == row["loss"]
        assert logged["train/examples_per_second"] > 0
        assert "train/step" not in logged
    minutes = [logged["train/minutes"] for logged in run.kept]
    assert 0 < minutes[0] < minutes[1]


def test_minutes_go_on_where_a_killed_training_was(
    make_module: Make, fit: Fit, run: Any, examples: np.ndarray
) -> None:
    run.newest = {"train/minutes": 7.0}.get
    fit(make_module(steps=2), History(2, examples, 4, None), MetricLog(run))
    (logged,) = run.kept
    assert 7.0 < logged["train/minutes"] < 8.0


def test_a_training_of_minutes_shows_its_seconds_and_pictures_at_shares(
    make_module: Make,
    fit: Fit,
    run: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = iter(range(0, 1000, 10))  # read at the start and at the end of a step
    module = make_module(steps=None, minutes=1, log_every=2)
    module.watch = Stopwatch(lambda: float(next(seconds)))
    pictures = SamplePictures(run, Told(2, eta=0.0), seed=0)
    seen = History(2, np.zeros((4, 2), np.float32), 600)
    assert fit(module, seen, ProgressBar(), pictures)
    # After 20, 30, 50 and 60 seconds, under the steps that every such training has.
    assert run.kept == [("samples", True, share) for share in (25, 50, 75, 100)]
    said, shown = capsys.readouterr()
    assert said.startswith("train: training.minutes=1 ends by the clock: how many steps")
    assert "100%" in shown
    assert "60/60 s, step=6, loss=" in shown


class Broken(pl.Callback):
    """An observer that fails at every step, and once at the start."""

    def on_train_start(self, *_: Any) -> None:
        raise AttributeError("partially initialised module 'IPython'\nand so on")

    def on_train_batch_end(self, *_: Any) -> None:
        raise OSError(28, "No space left on device")


def test_an_observer_that_fails_ends_no_training_and_says_why_once(
    make_module: Make, fit: Fit, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    harmless = callbacks.Harmless()
    module = make_module(steps=4)
    trainer = fit(
        module,
        callbacks.Guarded("the picture", Broken(), harmless),
        callbacks.Guarded("the log", MetricLog(run), harmless),
    )
    assert trainer.global_step == 4
    assert capsys.readouterr().err.splitlines() == [
        "train: warning: the picture is left out: AttributeError: partially initialised"
        " module 'IPython'",
        "train: warning: the picture is left out: OSError: [Errno 28] No space left on"
        " device",
    ]


def test_ctrl_c_in_an_observer_still_stops(make_module: Make) -> None:
    class Stopped(pl.Callback):
        def on_train_start(self, *_: Any) -> None:
            raise KeyboardInterrupt

    guarded = callbacks.Guarded("it", Stopped(), callbacks.Harmless())
    with pytest.raises(KeyboardInterrupt):
        guarded.on_train_start(None, None)  # type: ignore[arg-type]


def test_every_observer_and_the_card_are_guarded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = composition.compose(ROOT, is_checked=False)

    def broken(*given: Any) -> None:
        raise ValueError("no card today")

    monkeypatch.setattr(callbacks, "log_card", broken)
    data: Any = SimpleNamespace(manifest=SimpleNamespace(kind="points", classes=None))
    watching = callbacks.watch(Run(), config, data, tmp_path, "identity")
    assert [type(observer) for observer in watching] == [callbacks.Guarded] * 4
    assert "the schedule card is left out: ValueError: no card" in capsys.readouterr().err
    hooks = {hook for one in watching for hook in vars(one) if hook.startswith("on_")}
    assert hooks == {
        "on_train_start",
        "on_train_batch_end",
        "on_train_end",
        "on_exception",
    }
