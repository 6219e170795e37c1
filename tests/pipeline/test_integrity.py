"""One flipped bit in any file of a finished run: the stages that read it refuse it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import composed_file
from snowmelt.pipeline.stages import evaluate, reference, report, train
from tests.damage import flip

Copy = Callable[[], Path]
STAGES = {
    "reference": reference.run,
    "train": train.run,
    "evaluate": evaluate.run,
    "report": report.run,
}
READ = {
    "data/prepared": ("reference", "train", "evaluate", "report"),
    "outputs/reference": ("evaluate",),
    "outputs/reference/reference.json": ("evaluate", "report"),
    "outputs/model": ("report",),
    "outputs/samples": ("evaluate", "report"),
    "outputs/evaluation": ("report",),
    "reports/metrics.json": ("report",),
    "reports/likelihood.csv": ("report",),
    "reports/score_error.csv": ("report",),
    "reports/by_class.csv": ("report",),
}


def files_of(root: Path) -> list[Path]:
    named = [root / place for place in READ]
    found = [[*place.iterdir()] if place.is_dir() else [place] for place in named]
    return sorted({path for some in found for path in some if path.is_file()})


def readers(path: Path, root: Path) -> tuple[str, ...]:
    name = path.relative_to(root).as_posix()
    return READ.get(name) or READ[str(Path(name).parent)]


def damage(path: Path) -> None:
    """Flip a bit that makes a difference: white space in JSON makes none."""
    whole = path.read_bytes()
    for seed in range(100):
        flip(path, seed)
        if path.suffix != ".json":
            return
        try:
            if json.loads(path.read_bytes()) != json.loads(whole):
                return
        except ValueError:
            return
        path.write_bytes(whole)


def test_a_flipped_bit_in_any_file_is_noticed_by_every_stage_that_reads_it(
    copy_of: Copy,
) -> None:
    root = copy_of()
    config = composed_file.load(root / "outputs" / "config.yaml")
    files = files_of(root)
    assert len(files) >= 15
    page = root / "reports" / "index.html"
    before = page.read_bytes()
    for path in files:
        whole = path.read_bytes()
        damage(path)
        assert path.read_bytes() != whole
        for stage in readers(path, root):
            with pytest.raises(UserError) as caught:
                STAGES[stage](config, root)
            said = str(caught.value)
            assert path.name in said, (stage, path, said)
            assert "snowmelt " in said, (stage, path, said)
        path.write_bytes(whole)
    assert page.read_bytes() == before
