"""A training that starts from the weights of another, and what it says of that."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training import model_record, resume
from snowmelt.training.checkpoint import Checkpoint, load, save
from snowmelt.training.fit import check, fit, new_module
from snowmelt.training.resume import Resume, training_identity
from snowmelt.training.settings import FitSettings
from snowmelt.training.warm_start import WarmStart, warm_start_of

SettingsOf = Callable[..., FitSettings]
WIDER = {"_target_": "snowmelt.nets.MLP", "width": 16, "blocks": 1, "embedding": 4}


@pytest.fixture
def data(manifest: Manifest, examples: np.ndarray) -> Any:
    return SimpleNamespace(
        manifest=manifest,
        shape=(2,),
        train=examples,
        train_labels=None,
        held_out=examples,
        held_out_labels=None,
    )


@pytest.fixture
def before(tmp_path: Path, data: Any, settings_of: SettingsOf) -> Path:
    """The checkpoint of a finished training; no two sets of weights in it are equal."""
    settings = settings_of()
    found, _ = fit(settings, data, Resume(tmp_path / "before", every=100), "first")
    save(tmp_path / "model.ckpt", found)
    return tmp_path / "model.ckpt"


def start(path: Path) -> WarmStart:
    found = warm_start_of(
        FitSettings.model_construct(training=SimpleNamespace(start_from=str(path))), Path()
    )
    assert found is not None
    return found


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one | other)


def test_network_and_average_begin_as_the_average_of_before(
    before: Path, data: Any, settings_of: SettingsOf
) -> None:
    saved = load(before)
    assert not same(saved.raw, saved.ema)
    module = new_module(settings_of(), data, start(before))
    assert same(module.denoiser.net.state_dict(), saved.ema)
    assert same(module.ema.net.state_dict(), saved.ema)


def test_steps_and_learning_rate_begin_anew(
    before: Path, tmp_path: Path, data: Any, settings_of: SettingsOf
) -> None:
    settings = settings_of(training={"steps": 3, "log_every": 1})
    found, history = fit(
        settings, data, Resume(tmp_path / "s", every=9), "next", warm=start(before)
    )
    assert found.step == 3
    assert [row["step"] for row in history] == [1, 2, 3]
    assert not same(found.raw, load(before).ema)


def test_a_saved_state_goes_before_it(
    before: Path, tmp_path: Path, data: Any, settings_of: SettingsOf
) -> None:
    """A training that was killed goes on where it was, and does not start once more."""
    settings, state = settings_of(), tmp_path / "state"

    def trained(folder: Path) -> Checkpoint:
        saved = Resume(folder, every=5, identity="n")
        return fit(settings, data, saved, "n", warm=start(before))[0]

    straight = trained(tmp_path / "straight")
    trained(state)
    (state / "last.ckpt").unlink(missing_ok=True)
    assert Resume(state, 5, "n").newest() == state / "before.ckpt", "after step 5"
    again = trained(state)
    assert same(again.raw, straight.raw)
    assert same(again.ema, straight.ema)


def test_the_lineage_is_written_down(
    before: Path, tmp_path: Path, data: Any, settings_of: SettingsOf
) -> None:
    second, _ = fit(
        settings_of(), data, Resume(tmp_path / "s", 99), "second", warm=start(before)
    )
    save(tmp_path / "second.ckpt", second)
    third = start(tmp_path / "second.ckpt")
    assert [one["identity"] for one in third.lineage] == ["first", "second"]
    assert [one["step"] for one in third.lineage] == [12, 12]
    assert third.lineage[0]["checkpoint_digest"] == start(before).digest
    assert third.lineage[0]["data_digest"] == data.manifest.digest
    assert "(12 + 12 steps, on tiny)" in third.described()
    model_record.write(tmp_path, second)
    said = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert said["started_from"] == second.lineage == start(before).lineage


def test_what_started_from_nothing_says_nothing(before: Path, tmp_path: Path) -> None:
    found = load(before)
    assert found.lineage == []
    model_record.write(tmp_path, found)
    assert "started_from" not in (tmp_path / "model.json").read_text(encoding="utf-8")


def changed(path: Path, **content: Any) -> Path:
    whole = torch.load(path, weights_only=True)
    torch.save(whole | content, path)
    return path


@pytest.mark.parametrize(
    "lineage", [{}, [1], [{"identity": "a"}], [{"identity": "a", "step": "1"}]]
)
def test_a_lineage_of_another_form_is_refused(before: Path, lineage: Any) -> None:
    with pytest.raises(UserError, match="its lineage is no list of trainings"):
        load(changed(before, lineage=lineage))


def test_an_older_checkpoint_has_none_and_serves(before: Path) -> None:
    whole = torch.load(before, weights_only=True)
    del whole["lineage"]
    torch.save(whole, before)
    assert start(before).lineage[0]["identity"] == "first"


@pytest.mark.usefixtures("same_code")
def test_its_bytes_are_part_of_the_identity_and_its_place_is_not(
    manifest: Manifest, settings_of: SettingsOf
) -> None:
    here, there = (
        settings_of(training={"start_from": place}) for place in ("a.ckpt", "b.ckpt")
    )
    assert training_identity(here, manifest, warm="one") == training_identity(
        there, manifest, warm="one"
    )
    others = {
        training_identity(here, manifest, warm=digest) for digest in (None, "one", "two")
    }
    assert len(others) == 3
    assert training_identity(settings_of(), manifest) in others


@pytest.fixture
def same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "code_digest", lambda _: "code")


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"net": WIDER}, "do not fit the network"),
        ({"denoiser": {"self_conditioned": True}}, "do not fit the network"),
        ({"prediction": {"_target_": "snowmelt.predictions.V"}}, "answers Eps, and V is"),
    ],
)
def test_weights_of_another_network_are_refused(
    before: Path, data: Any, settings_of: SettingsOf, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=rf"training\.start_from: .*{said}"):
        check(settings_of(**sections), data, start(before))


def test_other_data_and_another_schedule_are_taken(
    before: Path, data: Any, settings_of: SettingsOf
) -> None:
    data.manifest = replace(data.manifest, name="others", digests={"points.npy": "01"})
    check(
        settings_of(schedule={"_target_": "snowmelt.schedules.Linear"}), data, start(before)
    )


def test_a_learned_schedule_is_taken_over(
    tmp_path: Path, data: Any, settings_of: SettingsOf
) -> None:
    learned = {
        "schedule": {"_target_": "snowmelt.schedules.Learned"},
        "loss": {"_target_": "snowmelt.losses.VLB"},
    }
    found, _ = fit(settings_of(**learned), data, Resume(tmp_path / "s", 99), "first")
    save(tmp_path / "model.ckpt", found)
    module = new_module(settings_of(**learned), data, start(tmp_path / "model.ckpt"))
    schedule = module.denoiser.schedule
    assert schedule is not None
    assert same(schedule.state_dict(), found.schedule)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, settings_of: SettingsOf) -> None:
    (tmp_path / "some.ckpt").write_bytes(b"something")
    for name, said in (
        ("some.ckpt", "not a readable checkpoint"),
        ("none.ckpt", "none.ckpt"),
    ):
        with pytest.raises(UserError, match=said):
            warm_start_of(settings_of(training={"start_from": name}), tmp_path)
    assert warm_start_of(settings_of(), tmp_path) is None
