"""A part that is chosen anew brings its own keys, and loses those of the experiment's."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.config.chosen_anew import amendments
from snowmelt.pipeline.config.conf_files import body_of
from snowmelt.pipeline.config.overrides import OPTIONAL, SourcedOverride, written_in

EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))
# What else has to be said for the other part to go with the experiment.
WITH = {
    "gray_to_colour": ("coupling=independent",),
    "low_to_high": ("coupling=independent",),
}
SETTING_START = [file.stem for file in EXPERIMENTS if "/start:" in file.read_text()]


def chosen(*overrides: str) -> dict[str, Any]:
    return plain(composition.compose(ROOT, overrides))


def own(group: str, name: str) -> dict[str, Any]:
    """What a part says without any experiment."""
    return plain(composition.compose(ROOT, [f"{group}={name}"], is_checked=False))[group]


def test_the_experiments_that_choose_a_start_are_these() -> None:
    assert SETTING_START == [
        "digits_to_digits", "gray_to_colour", "low_to_high", "moons_to_eight"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["normal", "density", "digits", "degraded_gray"])
@pytest.mark.parametrize("experiment", SETTING_START)
def test_the_start_that_is_typed_is_the_start(experiment: str, name: str) -> None:
    choice = (f"experiment={experiment}", f"start={name}", *WITH.get(experiment, ()))
    config = plain(composition.compose(ROOT, choice, is_checked=False))
    assert config["start"] == own("start", name)


@pytest.mark.parametrize("experiment", SETTING_START)
def test_each_of_them_begins_with_noise_too(experiment: str) -> None:
    noise = (f"experiment={experiment}", "start=normal", *WITH.get(experiment, ()))
    assert chosen(*noise)["start"] == {"_target_": "snowmelt.starts.Normal"}


def without(group: str, keys: Iterable[str]) -> list[str]:
    """A file of the group that lacks each key of it, where there is one."""
    folder = ROOT / "conf" / group
    bodies = {file.stem: body_of(file) for file in sorted(folder.glob("*.yaml"))}
    firsts = [key.split(".")[1] for key in keys if key.startswith(f"{group}.")]
    lacking = [
        next((name for name, body in bodies.items() if key not in body), None)
        for key in firsts
    ]
    return sorted({name for name in lacking if name is not None})


@pytest.mark.parametrize("experiment", [file.stem for file in EXPERIMENTS])
def test_no_key_of_an_experiment_is_left_over_in_another_part(experiment: str) -> None:
    _, written = written_in(ROOT / "conf" / "experiment" / f"{experiment}.yaml")
    keys = [key.parse().key_or_group for key in written]
    for group in sorted({key.split(".")[0] for key in keys} - set(OPTIONAL)):
        for name in without(group, keys):
            choice = [f"experiment={experiment}", f"{group}={name}"]
            found = plain(composition.compose(ROOT, choice, is_checked=False))
            assert found[group].keys() == own(group, name).keys(), choice


def test_the_experiment_keeps_its_own_start_and_its_keys() -> None:
    assert chosen("experiment=moons_to_eight")["start"]["of"]["name"] == "wide_moons"
    assert chosen("experiment=low_to_high")["start"]["by"]["factor"] == 4
    again = chosen("experiment=low_to_high", "start=degraded", "start.by.factor=2")
    assert again["start"]["by"]["factor"] == 2
    rings = chosen("experiment=moons_to_eight", "start.of=rings")
    assert rings["start"]["of"]["name"] == "rings"


def test_what_is_typed_of_the_new_part_holds() -> None:
    begun = chosen("experiment=moons_to_eight", "start=density", "start.of.count=500")
    assert begun["start"]["of"]["count"] == 500
    assert begun["start"]["of"]["_target_"] == "snowmelt.data.Known"


def test_what_both_parts_have_is_the_experiments() -> None:
    assert chosen("experiment=llama", "sampler=heun")["sampler"]["steps"] == 40


def test_keys_of_the_part_that_is_gone_are_not_taken() -> None:
    with pytest.raises(UserError, match=r"command line: unknown key 'start.of'"):
        composition.compose(
            ROOT, ["experiment=moons_to_eight", "start=normal", "start.of=rings"]
        )
    with pytest.raises(UserError, match=r"unknown key 'guidance.scale'"):
        composition.compose(
            ROOT, ["experiment=classes32", "guidance=none", "guidance.scale=2"]
        )


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (
            ["experiment=photos128", "data=cifar10"],
            r"photos128\.yaml is for images of 128x128 \(data\.size=128\), and those of"
            r" data=cifar10 are 32x32 and stay so: .* which sets none; or data=folder",
        ),
        (["experiment=photos64_gpu", "data=digits"], "those of data=digits are 8x8"),
        (["experiment=photos32", "data=mnist"], "are 28x28 .*, or data.pad_to=32; or"),
    ],
)
def test_images_of_another_side_than_the_experiments_are_refused(
    choice: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        composition.compose(ROOT, choice)


@pytest.mark.parametrize(
    "choice",
    [
        ["experiment=photos32", "data=cifar10"],
        ["experiment=photos32", "data=mnist", "data.pad_to=32"],
        ["experiment=photos128", "data=celeba"],
        ["experiment=images32", "data=cifar10"],
        ["experiment=photos128", "data=array", "data.path=not_there.npy"],
    ],
)
def test_those_of_its_side_are_taken(choice: list[str]) -> None:
    size = chosen(*choice)["data"].get("size")
    assert size is None or f"photos{size}" in choice[0]


def test_an_array_of_the_experiments_side_is_taken_and_no_other(tmp_path: Path) -> None:
    for side in (64, 128):
        np.save(tmp_path / f"{side}.npy", np.zeros((4, 3, side, side), np.uint8))
    array = ["experiment=photos128", "data=array"]
    chosen(*array, f"data.path={tmp_path}/128.npy")
    with pytest.raises(UserError, match="those of data=array are 64x64"):
        chosen(*array, f"data.path={tmp_path}/64.npy")


def test_an_experiment_takes_three_compositions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its choices, of those with its name, and of all that is typed."""
    asked: set[tuple[str, ...]] = set()
    answered = composition._answered

    def noted(root: Path, overrides: tuple[str, ...], files: object) -> Any:
        asked.add(overrides)
        return answered(root, overrides, files)

    monkeypatch.setattr(composition, "_answered", noted)
    chosen("experiment=photos64", "data.size=48", "seed=3")
    assert len(asked) == 3


def test_a_section_that_the_experiment_leaves_out_stays_out(tmp_path: Path) -> None:
    """Its own `null` for a section was taken for a key of a part that is gone."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    text = "# @package _global_\nfeatures:\n  independent_classifier: null\n"
    (tmp_path / "conf/experiment/mine.yaml").write_text(text, encoding="utf-8")
    settled = composition.compose(tmp_path, ["experiment=mine"])
    assert settled.features.independent_classifier is None


def test_a_key_is_deleted_from_where_it_is_missing_on_and_a_section_is_put_back() -> None:
    keys = [
        SourcedOverride(text, "file")
        for text in ("a.b.c=1", "a.d=2", "e=3", "f.g=4", "a.b.h=5")
    ]
    own = {"a": {"b": {"c": 0, "h": 0}, "d": 1}, "e": 0, "f": {"g": 0}}
    found = amendments(keys, own, {"a": {"d": {"x": None, "y": [1.5]}}, "e": 0})
    back = "a.d={x:null,y:[1.5]}"
    assert found == {"a.b.c": "~a.b", "a.d": back, "f.g": "~f", "a.b.h": "~a.b"}
