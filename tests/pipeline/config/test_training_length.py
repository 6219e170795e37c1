"""Steps or minutes: the stronger place decides, and one place gives one of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.project import ROOT, make_workspace

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.composition import compose

MINUTES = "training.minutes=10"


@pytest.mark.parametrize(
    ("params", "typed", "length"),
    [
        ("", [], (2400, None)),
        ("", [MINUTES], (None, 10)),
        ("", [MINUTES, "experiment=llama"], (None, 10)),
        ("", ["training.steps=null", MINUTES], (None, 10)),
        ("", ["training.steps=7", "training.minutes=null"], (7, None)),
        ("overrides: [training.minutes=10]", [], (None, 10)),
        ("overrides: [training.minutes=10]", ["training.steps=7"], (7, None)),
        ("overrides: [training.steps=7]", [MINUTES], (None, 10)),
        ("training: {minutes: 10}", [], (None, 10)),
        ("training: {minutes: 10}", ["experiment=llama"], (4000, None)),
    ],
)
def test_the_stronger_place_decides(
    tmp_path: Path, params: str, typed: list[str], length: tuple[int | None, float | None]
) -> None:
    folder = make_workspace(tmp_path / "project")
    (folder / "params.yaml").write_text(params + "\n", encoding="utf-8")
    training = compose(folder, typed, is_checked=False).training
    assert (training.steps, training.minutes) == length


@pytest.mark.parametrize(
    ("experiment", "sweep", "typed", "length"),
    [
        ("minutes: 10", "steps: 7", [], (7, None)),
        ("steps: 7", "minutes: 10", [], (None, 10)),
        ("minutes: 10", "steps: 7", [MINUTES], (None, 10)),
        ("minutes: 10", "picture_every: 5", [], (None, 10)),
    ],
)
def test_a_sweep_is_stronger_than_an_experiment(
    tmp_path: Path,
    experiment: str,
    sweep: str,
    typed: list[str],
    length: tuple[int | None, float | None],
) -> None:
    folder = make_workspace(tmp_path / "project")
    for group, text in (("experiment", experiment), ("sweep", sweep)):
        file = folder / "conf" / group / "own.yaml"
        file.write_text(f"# @package _global_\ntraining: {{{text}}}\n", encoding="utf-8")
    chosen = ["experiment=own", "sweep=own", *typed]
    training = compose(folder, chosen, is_checked=False).training
    assert (training.steps, training.minutes) == length


def test_one_place_gives_one_of_the_two() -> None:
    with pytest.raises(UserError) as caught:
        compose(ROOT, [MINUTES, "training.steps=7"], is_checked=False)
    assert str(caught.value) == (
        "command line: 'training.steps=7' and 'training.minutes=10' exclude each other: one"
        " of the two ends a training, so keep one"
    )


def test_no_end_at_all_is_refused() -> None:
    with pytest.raises(UserError, match=r"training\.minutes must be a positive number"):
        compose(ROOT, ["training.steps=null"], is_checked=False)
