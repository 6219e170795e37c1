"""A real `dvc repro`: an edit re-runs what it must, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from snowmelt.common.code_identity import PACKAGE, code_of
from snowmelt.pipeline.cli import STAGES
from tests.pipeline.clone import make_clone, ran, repro, set_params
from tests.project import run_command, succeed

Copy = Callable[[], Path]


def test_one_command_makes_everything(finished: Path) -> None:
    for name in (
        "outputs/config.yaml",
        "data/prepared/manifest.json",
        "outputs/reference/reference.json",
        "outputs/model/model.ckpt",
        "outputs/model/losses.csv",
        "outputs/samples/samples.npy",
        "outputs/samples/samples.png",
        "reports/metrics.json",
        "reports/index.html",
    ):
        assert (finished / name).is_file(), name
    samples = np.load(finished / "outputs/samples/samples.npy")
    assert samples.dtype == np.uint8
    assert samples.shape == (96, 1, 8, 8)
    assert samples.max() <= 16
    assert len(np.unique(samples)) > 2


def test_nothing_changed_runs_nothing(finished: Path) -> None:
    result = succeed(run_command("dvc", "repro", cwd=finished))
    assert ran(result.stdout) == set()
    assert "up to date" in result.stdout


def test_a_comment_in_conf_runs_compose_only(copy_of: Copy) -> None:
    clone = copy_of()
    with (clone / "conf" / "schedule" / "cosine.yaml").open("a") as stream:
        stream.write("# a remark\n")
    assert repro(clone) == {"compose"}


def test_the_samplers_steps_run_sample_and_after(copy_of: Copy) -> None:
    clone = copy_of()
    before = (clone / "outputs/model/model.ckpt").read_bytes()
    path = clone / "params.yaml"
    params = yaml.safe_load(path.read_text())
    overrides = [text for text in params["overrides"] if not text.startswith("sampler.")]
    set_params(clone, overrides=[*overrides, "sampler.steps=5"])
    assert repro(clone) == {"compose", "sample", "evaluate", "report"}
    assert (clone / "outputs/model/model.ckpt").read_bytes() == before
    metrics = json.loads((clone / "reports/metrics.json").read_text())
    assert metrics["protocol"]["sampler"]["steps"] == 5


def test_the_schedule_runs_train_and_after(copy_of: Copy) -> None:
    clone = copy_of()
    set_params(clone, schedule="linear")
    assert repro(clone) == {"compose", "train", "sample", "evaluate", "report"}


@pytest.mark.parametrize(
    "module",
    [
        "samplers/gaussian.py",
        "data/folder.py",
        "features/distances.py",
        "training/module.py",
        "schedules/shares.py",
        "report/page.py",
        "errors.py",
    ],
)
def test_a_source_file_touches_the_stages_that_import_it(
    finished: Path, module: str
) -> None:
    expected = {stage for stage in STAGES if PACKAGE / module in code_of(stage)}
    assert expected
    path = finished / "src" / "snowmelt" / module
    before = path.read_bytes()
    try:
        path.write_bytes(before + b"# a remark\n")
        result = succeed(run_command("dvc", "status", "--json", cwd=finished))
    finally:
        path.write_bytes(before)
    changed = {
        stage
        for stage, reasons in json.loads(result.stdout).items()
        if f"src/snowmelt/{module}" in json.dumps(reasons)
    }
    assert changed == expected


def test_a_changed_source_file_really_runs(copy_of: Copy) -> None:
    clone = copy_of()
    with (clone / "src/snowmelt/report/page.py").open("a") as stream:
        stream.write("# a remark\n")
    assert repro(clone) == {"report"}


def test_an_image_added_to_the_raw_folder_runs_prepare(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone", "data.size=8", "data.channels=1")
    raw = clone / "data" / "raw"
    generator = np.random.default_rng(0)
    for number in range(12):
        pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(raw / f"{number}.png")
    set_params(clone, data="folder")
    assert repro(clone, "prepare") == {"compose", "prepare"}
    assert repro(clone, "prepare") == set()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(raw / "another.png")
    assert repro(clone, "prepare") == {"prepare"}
    manifest = json.loads((clone / "data/prepared/manifest.json").read_text())
    assert manifest["count"] == 13


def test_a_typo_in_params_is_one_clear_error(copy_of: Copy) -> None:
    clone = copy_of()
    set_params(clone, shedule="linear")
    result = run_command("dvc", "repro", cwd=clone)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "params.yaml: unknown key 'shedule'" in said
    assert "schedule" in said
    assert "Traceback" not in said
