"""Going on after a kill ends in the same weights; another training starts anew."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml

from snowmelt.common import distributed
from snowmelt.common.errors import StorageError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.losses import VLB
from snowmelt.diffusion.schedules import Learned
from snowmelt.diffusion.time_sampling import Importance
from snowmelt.training import resume
from snowmelt.training.module import DiffusionModule
from snowmelt.training.optimizers import SOAP, AdamW, Muon, Recipe
from snowmelt.training.resume import ASIDE_KEPT, STATE_PARTS, Resume, training_identity
from snowmelt.training.settings import FitSettings

Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]
SECTIONS = tuple(FitSettings.model_fields)
PARTS = (
    *("schedule", "process", "prediction", "loss", "time_sampling", "net", "optimizer"),
    *("start", "coupling", "interpolant"),
)
CONFIG: dict[str, Any] = {name: {"value": 1} for name in PARTS} | {
    "seed": 0,
    "denoiser": {},
    "training": {},
    "trainer": {},
    "sampler": {"steps": 5},
    "tracking": {"enabled": True},
    "paths": {"model": "here"},
    "name": None,
}
OTHER: dict[str, Any] = {name: {"value": 2} for name in PARTS} | {
    "seed": 2,
    "denoiser": {"conditional": True},
    "training": {"steps": 7},
    "trainer": {"precision": "bf16-mixed"},
}


@pytest.fixture
def same_code(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fixed code, and of which parts its digest was asked for."""
    asked: list[str] = []
    monkeypatch.setattr(resume, "code_digest", lambda parts: asked.extend(parts) or "code")
    return asked


class Killed(BaseException):
    """As abrupt as Python can be."""


class KillAt(pl.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise Killed


class Note(pl.Callback):
    """Logs a mean every fourth step, as the training's own log does."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        if trainer.global_step % 4 == 0:
            row = {"step": trainer.global_step, "loss": float(module.mean_loss.compute())}
            module.mean_loss.reset()
            module.history.append(row)


def everything(module: DiffusionModule) -> dict[str, torch.Tensor]:
    return {name: value for name, value in module.state_dict().items() if "net" in name}


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("killed_at", [4, 7, 11])
def test_a_killed_run_ends_in_the_same_weights(
    tmp_path: Path, make_module: Make, fit: Fit, killed_at: int, dropout: float
) -> None:
    straight = make_module(dropout=dropout)
    fit(straight, Note())
    saved = Resume(tmp_path / "state", every=3)
    with pytest.raises(Killed):
        fit(make_module(dropout=dropout), Note(), saved, KillAt(killed_at))
    kept = {"last.ckpt", "before.ckpt"} if killed_at > 6 else {"last.ckpt"}
    assert {path.name for path in saved.folder.iterdir()} == kept
    torch.randn(killed_at)
    resumed = make_module(dropout=dropout)
    trainer = fit(resumed, Note(), Resume(saved.folder, every=3), saved=saved.path)
    assert trainer.global_step == 12
    assert resumed.history == straight.history
    for name, value in everything(straight).items():
        assert torch.equal(everything(resumed)[name], value), name


@pytest.mark.parametrize("killed_at", [5, 11])
def test_what_is_learned_beside_the_weights_goes_on_too(
    tmp_path: Path, make_module: Make, fit: Fit, killed_at: int
) -> None:
    def make() -> DiffusionModule:
        return make_module(
            loss=VLB(),
            schedule=Learned(units=5),
            time_sampler=Importance(buckets=3, history=2),
            classes=3,
            p_uncond=0.3,
        )

    straight = make()
    fit(straight, Note())
    saved = Resume(tmp_path / "state", every=3)
    with pytest.raises(Killed):
        fit(make(), saved, Note(), KillAt(killed_at))
    resumed = make()
    fit(resumed, Note(), Resume(saved.folder, every=3), saved=saved.path)
    state = straight.state_dict()
    assert {"time_sampler.remembered", "denoiser.schedule.centre"} <= state.keys()
    # Importance sampling had begun before the kill.
    assert int(state["time_sampler.counts"].min()) > 2
    for name, value in state.items():
        if "mean_" not in name:
            assert torch.equal(resumed.state_dict()[name], value), name


@pytest.mark.parametrize("killed_at", [5, 10])
@pytest.mark.parametrize(
    "optimizer", [AdamW(implementation="foreach"), Muon(), SOAP(turn_every=2)]
)
def test_every_optimiser_goes_on_where_it_was(
    tmp_path: Path, make_module: Make, fit: Fit, optimizer: Recipe, killed_at: int
) -> None:
    """With dropout, a learned schedule and a network in bfloat16 beside it."""

    def make() -> DiffusionModule:
        schedule = Learned(units=5)
        return make_module(loss=VLB(), schedule=schedule, dropout=0.5, optimizer=optimizer)

    straight, precision = make(), "bf16-mixed"
    fit(straight, precision=precision)
    saved = Resume(tmp_path / "state", every=3)
    with pytest.raises(Killed):
        fit(make(), saved, KillAt(killed_at), precision=precision)
    resumed = make()
    fit(resumed, saved=saved.path, precision=precision)
    start = make().state_dict()
    for name, value in straight.state_dict().items():
        if "mean_" not in name:
            assert torch.equal(resumed.state_dict()[name], value), name
            assert "weight" not in name or not torch.equal(start[name], value), name


def test_it_saves_every_so_often(
    tmp_path: Path, make_module: Make, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    monkeypatch.setattr(
        Resume, "save", lambda self, trainer: steps.append(trainer.global_step)
    )
    fit(make_module(), Resume(tmp_path, every=5))
    assert steps == [5, 10]


def test_a_kill_while_saving_leaves_the_last_whole_state(
    tmp_path: Path, make_module: Make, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = Resume(tmp_path / "state", every=2)
    fit(make_module(steps=2), saved)
    whole = saved.path.read_bytes()

    def half(trainer: pl.Trainer, path: Path) -> None:
        Path(path).write_bytes(whole[:100])
        raise Killed

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", half)
    with pytest.raises(Killed):
        fit(make_module(), Resume(saved.folder, every=2), saved=saved.path)
    assert saved.path.read_bytes() == whole


def cut(path: Path) -> None:
    with path.open("rb+") as stream:
        stream.truncate(path.stat().st_size * 2 // 3)


def flip(path: Path) -> None:
    """One bit of a weight, which a reader takes without a word."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size)
    content[largest.header_offset + 300] ^= 1
    path.write_bytes(content)


def fill(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def take_a_model(path: Path) -> None:
    """Whole, and no state of a training, such as a checkpoint that a user put there."""
    torch.save({"format": 1, "ema": {"weight": torch.zeros(3)}}, path)


@pytest.mark.parametrize("damage", [cut, flip, fill, empty, take_a_model])
def test_a_damaged_state_is_set_aside_and_the_one_before_serves(
    tmp_path: Path,
    make_module: Make,
    fit: Fit,
    damage: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    straight = make_module()
    fit(straight, Note())
    saved = Resume(tmp_path / "state", every=3)
    with pytest.raises(Killed):
        fit(make_module(), Note(), saved, KillAt(11))
    assert saved.newest() == saved.path
    assert capsys.readouterr().err == ""
    damage(saved.path)
    assert saved.newest() == saved.before
    (said,) = capsys.readouterr().err.splitlines()
    what = "no state of a training" if damage is take_a_model else "damaged"
    assert f"{saved.path} is {what} and is kept as last.aside-20" in said
    assert said.endswith("; the training goes on from the state before it")
    assert torch.load(saved.before, weights_only=True)["global_step"] == 6
    resumed = make_module()
    fit(resumed, Note(), Resume(saved.folder, every=3), saved=saved.newest())
    assert resumed.history == straight.history
    for name, value in everything(straight).items():
        assert torch.equal(everything(resumed)[name], value), name


def test_without_a_whole_state_the_training_begins_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = Resume(tmp_path, every=1)
    assert saved.newest() is None
    for number in range(4):
        saved.path.write_bytes(b"torn")
        saved.before.write_bytes(b"torn")
        assert saved.newest() is None
        (said,) = capsys.readouterr().err.splitlines()
        assert f"{saved.path} is damaged and is kept as last.aside-" in said
        assert f"{saved.before} is damaged and is kept as before.aside-" in said
        assert said.endswith(
            "no other is left, and the training begins with its first step"
        )
        assert "goes on" not in said
        for path in saved.folder.iterdir():  # an hour passes
            path.rename(path.with_name(f"{path.name}{number}"))
    assert len(list(tmp_path.iterdir())) <= 2 * ASIDE_KEPT


def test_a_folder_in_the_place_of_a_state_is_moved_away(
    tmp_path: Path, make_module: Make, fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = Resume(tmp_path / "state", every=6)
    for place in (saved.path, saved.before):
        (place / "of a person").mkdir(parents=True)
    assert saved.newest() is None
    (said,) = capsys.readouterr().err.splitlines()
    assert said.count("is a folder, not a file, and is kept as") == 2
    fit(make_module(), saved)
    assert saved.path.is_file()
    assert saved.before.is_file()
    assert len(list(saved.folder.glob("*/of a person"))) == 2


def test_the_state_of_another_training_is_not_gone_on_from(
    tmp_path: Path, make_module: Make, fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Resume(tmp_path / "other", every=12, identity="other")
    fit(make_module(schedule=Learned(units=5), loss=VLB()), other)
    saved = Resume(tmp_path / "state", every=6, identity="this")
    saved.folder.mkdir()
    shutil.copy(other.path, saved.path)
    assert other.newest() == other.path
    assert saved.newest() is None
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{saved.path} is of another training and is kept as last.aside-" in said


def test_other_processes_choose_the_same_state_and_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = Resume(tmp_path, every=1)
    saved.path.write_bytes(b"torn")
    torch.save(dict.fromkeys(STATE_PARTS) | {"identity": ""}, saved.before)
    monkeypatch.setenv("RANK", "1")
    assert saved.newest() == saved.before
    assert saved.path.is_file()
    assert capsys.readouterr().err == ""


def test_a_full_disk_stops_the_training_and_keeps_both_states(
    tmp_path: Path, make_module: Make, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = Resume(tmp_path / "state", every=2)
    fit(make_module(steps=4), saved)
    before = {path.name: path.read_bytes() for path in saved.folder.iterdir()}

    def half(trainer: pl.Trainer, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", half)
    with pytest.raises(StorageError, match=r"last\.ckpt cannot be written: No space left"):
        fit(make_module(), Resume(saved.folder, every=2), saved=saved.path)
    after = {path.name: path.read_bytes() for path in saved.folder.iterdir()}
    assert after == before
    assert set(after) == {"last.ckpt", "before.ckpt"}


def test_a_saved_state_holds_no_code(tmp_path: Path, make_module: Make, fit: Fit) -> None:
    saved = Resume(tmp_path, every=12)
    fit(make_module(), Note(), saved)
    content = torch.load(saved.path, weights_only=True)
    assert content["global_step"] == 12
    assert len(content["history"]) == 3


def test_the_newest_state_is_said_in_words(
    tmp_path: Path, make_module: Make, fit: Fit
) -> None:
    saved = Resume(tmp_path / "state", every=5)
    assert saved.described() == "no state was saved before"
    fit(make_module(), saved)
    said = f"the last good state, after step 10, is kept in {saved.path}"
    assert saved.described() == said


def test_what_is_saved_is_told_to_who_watches_over_a_group(
    tmp_path: Path, make_module: Make, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(distributed.STARTED, str(tmp_path))
    note = tmp_path / "0.kept"
    with pytest.raises(Killed):
        fit(make_module(), Resume(tmp_path / "state", every=5), KillAt(4))
    assert not note.exists()
    saved = Resume(tmp_path / "state", every=5)
    with pytest.raises(Killed):
        fit(make_module(), saved, KillAt(7))
    assert note.read_text() == "the state after step 5"
    note.unlink()
    with pytest.raises(Killed):  # before another state is saved
        fit(make_module(), Resume(saved.folder, 5), KillAt(6), saved=saved.path)
    assert note.read_text() == "the state after step 5"


def identity_of(config: dict[str, Any], manifest: Manifest) -> str:
    return training_identity(FitSettings.of(config), manifest)


def test_the_sections_are_plain_values() -> None:
    found = FitSettings.of(CONFIG).plain()
    assert set(found) == set(SECTIONS)
    assert type(found["net"]) is dict
    assert type(found["training"]["ema"]) is dict
    assert FitSettings.of(found).plain() == found


def test_training_reads_the_sections_that_dvc_watches_for_it() -> None:
    pipeline = Path(__file__).parents[2] / "dvc.yaml"
    stage = yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"]["train"]
    (watched,) = stage["params"]
    assert sorted(SECTIONS) == sorted(watched["outputs/config.yaml"])


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.usefixtures("same_code")
def test_each_section_that_training_reads_is_part_of_the_identity(
    name: str, manifest: Manifest
) -> None:
    changed = CONFIG | {name: OTHER[name]}
    assert identity_of(changed, manifest) != identity_of(CONFIG, manifest)


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("trainer", {"processes": 2}),
        ("trainer", {"accelerator": "gpu"}),
        ("trainer", {"stall_seconds": 5.0}),
        ("trainer", {"threads": 2}),
        ("trainer", {"precision": "auto", "compile": "auto"}),  # nothing is found yet
        ("trainer", {"accumulate": 2}),
        ("training", {"checkpoint_every": 7}),
    ],
)
@pytest.mark.usefixtures("same_code")
def test_what_is_execution_alone_is_not(
    section: str, value: dict[str, Any], manifest: Manifest
) -> None:
    changed = CONFIG | {section: value}
    assert identity_of(changed, manifest) == identity_of(CONFIG, manifest)


@pytest.mark.parametrize("found", [{"conv_precision": "bf16"}, {"compile": True}])
@pytest.mark.usefixtures("same_code")
def test_other_rounding_is_another_training(
    found: dict[str, Any], manifest: Manifest
) -> None:
    changed = CONFIG | {"trainer": found}
    assert identity_of(changed, manifest) != identity_of(CONFIG, manifest)


@pytest.mark.usefixtures("same_code")
def test_masks_of_dropout_are_drawn_by_process_and_part(manifest: Manifest) -> None:
    one = CONFIG | {"net": {"dropout": 0.1}}
    for key in ("processes", "accumulate"):
        other = one | {"trainer": {key: 2}}
        assert identity_of(other, manifest) != identity_of(one, manifest)


@pytest.mark.usefixtures("same_code")
def test_what_training_does_not_read_is_not(manifest: Manifest) -> None:
    identity = identity_of(CONFIG, manifest)
    for name in ("sampler", "tracking", "paths", "name"):
        assert identity_of(CONFIG | {name: "other"}, manifest) == identity
    reordered = dict(reversed(CONFIG.items()))
    assert identity_of(reordered, manifest) == identity
    other_name = replace(manifest, name="other", notes=("a remark",))
    assert identity_of(CONFIG, other_name) == identity
    assert len(identity) == 64


@pytest.mark.parametrize(
    "change",
    [{"digests": {"points.npy": "01"}}, {"train_count": 19}, {"value_range": (0, 9)}],
)
@pytest.mark.usefixtures("same_code")
def test_the_data_is_part_of_the_identity(
    manifest: Manifest, change: dict[str, Any]
) -> None:
    other = replace(manifest, **change)
    assert identity_of(CONFIG, other) != identity_of(CONFIG, manifest)


def test_the_code_is_part_of_the_identity(
    manifest: Manifest, same_code: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identity_of(CONFIG, manifest)
    assert same_code == list(resume.CODE)
    monkeypatch.setattr(resume, "code_digest", lambda parts: "other code")
    assert identity_of(CONFIG, manifest) != before
