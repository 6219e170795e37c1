"""The command mcmc: its files, whole or not at all, and its mistakes in one line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.conftest import Mistake

from snowmelt.pipeline.cli import main

TINY = (
    "points=20",
    "seeds=1",
    "budgets=[5,30]",
    "warmup=10",
    "most_calls=5",
    "floor_pairs=2",
)


@pytest.fixture
def here(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    return workspace


def test_table_and_picture(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("mcmc", "density=double_gaussian", *TINY)) == 0
    folder = here / "outputs" / "mcmc" / "double_gaussian"
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"mcmc: {folder}"
    assert sorted(file.name for file in folder.iterdir()) == [
        "mcmc.json",
        "mcmc.png",
        "table.csv",
        "table.md",
    ]
    words = (folder / "table.md").read_text()
    assert words in said
    assert "| random walk | one place |" in words
    rows = list(csv.DictReader((folder / "table.csv").open()))
    assert {row["family"] for row in rows} == {"chain", "exact score", "floor"}
    picture = Image.open(folder / "mcmc.png")
    assert picture.width > 1000
    assert (folder / "mcmc.png").stat().st_size < 200_000
    # A second run replaces the first and says the same.
    before = (folder / "table.csv").read_bytes()
    assert main(("mcmc", "density=double_gaussian", *TINY)) == 0
    assert (folder / "table.csv").read_bytes() == before


def test_another_density_another_folder(here: Path) -> None:
    changed = ("density=double_gaussian", "density.distance=2.4", "density.size=3", *TINY)
    assert main(("mcmc", *changed)) == 0
    (folder,) = (here / "outputs" / "mcmc").iterdir()
    assert folder.name == "double_gaussian_distance=2.4_size=3"
    assert main(("mcmc", "density=gaussian", "out=runs/mine", *TINY)) == 0
    assert "left mode" not in (here / "runs" / "mine" / "table.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("density=doubel_gaussian",), "unknown density 'doubel_gaussian' (did you mean"),
        (("density=double_gaussian,gaussian",), "several values"),
        (("density.share=1.5",), "density.share must be a number in (0, 1), got 1.5"),
        (("points=0",), "mcmc.points must be"),
        (("budgets=[30,5]",), "mcmc.budgets must rise"),
        (("seed=-1",), "seed must be an integer from 0"),
        (("out=params.yaml",), "name a folder"),
        (("out=conf",), "which this command did not make"),
        (("checkpoint=none.ckpt",), "none.ckpt is missing"),
        (("-m", "density=gaussian"), "leave --multirun out"),
        (("schedule=zero_terminal",), "mcmc: "),
    ],
)
def test_a_mistake_gets_one_line(
    workspace: Path, mistake: Mistake, arguments: tuple[str, ...], named: str
) -> None:
    tiny = [text for text in TINY if text.split("=")[0] not in str(arguments)]
    assert named in mistake("mcmc", *tiny, *arguments, cwd=workspace)
    assert not (workspace / "outputs").exists()
    assert (workspace / "conf" / "config.yaml").is_file()


def test_stopped_on_the_way_nothing_is_left(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snowmelt.pipeline.stages import mcmc

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mcmc, "picture", fails)
    assert main(("mcmc", "density=double_gaussian", *TINY)) == 130
    assert not (here / "outputs").exists()


def test_it_is_measured_in_one_thread(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from snowmelt.pipeline.stages import mcmc

    seen: list[int] = []

    def counts(*_: object, **__: object) -> None:
        seen.append(torch.get_num_threads())
        raise KeyboardInterrupt

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        monkeypatch.setattr(mcmc, "measure", counts)
        assert main(("mcmc", *TINY)) == 130
        assert (seen, torch.get_num_threads()) == ([1], 3)
    finally:
        torch.set_num_threads(before)
