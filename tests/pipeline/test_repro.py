"""A real `dvc repro`: an edit re-runs what it must, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.pipeline.clone import dvc, make_clone, ran, repro, repro_here, set_params
from tests.project import run_command

Copy = Callable[[], Path]


def test_one_command_makes_everything(finished: Path) -> None:
    for name in (
        "outputs/config.yaml",
        "data/prepared/manifest.json",
        "outputs/reference/reference.json",
        "outputs/model/model.ckpt",
        "outputs/model/losses.csv",
        "outputs/samples/samples.npy",
        "outputs/samples/trajectory.npz",
        "outputs/evaluation/arrays.json",
        "reports/figures/samples.png",
        "reports/figures/preview.png",
        "reports/metrics.json",
        "reports/index.html",
    ):
        assert (finished / name).is_file(), name
    samples = np.load(finished / "outputs/samples/samples.npy")
    assert samples.dtype == np.uint8
    assert samples.shape == (96, 1, 8, 8)
    assert samples.max() <= 16
    assert len(np.unique(samples)) > 2


def test_the_samplers_steps_run_sample_and_after(copy_of: Copy) -> None:
    clone = copy_of()
    before = (clone / "outputs/model/model.ckpt").read_bytes()
    path = clone / "params.yaml"
    params = yaml.safe_load(path.read_text())
    overrides = [text for text in params["overrides"] if not text.startswith("sampler.")]
    set_params(clone, overrides=[*overrides, "sampler.steps=5"])
    assert repro_here(clone) == {"compose", "sample", "evaluate", "report"}
    assert (clone / "outputs/model/model.ckpt").read_bytes() == before
    metrics = json.loads((clone / "reports/metrics.json").read_text())
    assert metrics["protocol"]["sampler"]["steps"] == 5


@pytest.mark.slow
def test_the_schedule_runs_train_and_after(copy_of: Copy) -> None:
    clone = copy_of()
    set_params(clone, schedule="linear")
    assert repro(clone) == {"compose", "train", "sample", "evaluate", "report"}


def edit(file: Path, old: str, new: str) -> None:
    """Change a source file as a person would."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def remark(file: Path) -> None:
    """Change a source file without changing what it does."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write("# a remark\n")


def test_a_colour_runs_report_only(copy_of: Copy) -> None:
    clone = copy_of()
    before = digests(clone)
    edit(clone / "src/snowmelt/viz/style.py", '"#0072b2"', '"#123456"')
    assert repro(clone) == {"report"}
    after = digests(clone)
    drawn = {name for name in after if after[name] != before.get(name)}
    assert "reports/figures/curves.png" in drawn
    assert all(name.startswith("reports/") for name in drawn), drawn
    assert "reports/metrics.json" not in drawn


def test_neither_what_observes_nor_what_python_compiles_runs_anything(
    copy_of: Copy,
) -> None:
    """A tag of the tracker, a callback, a new file of the tracker, a compiled source."""
    clone = copy_of()
    remark(clone / "src/snowmelt/tracking/provenance.py")
    remark(clone / "src/snowmelt/pipeline/callbacks.py")
    (clone / "src/snowmelt/tracking/a_new_file.py").write_text("TAG = 1\n")
    cache = clone / "src/snowmelt/training/__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "stray.cpython-311.pyc").write_bytes(b"\0")
    said = dvc("repro", cwd=clone)
    assert ran(said) == set()
    assert "up to date" in said


def test_a_comment_in_conf_and_a_rule_of_precedence_run_compose_only(
    copy_of: Copy,
) -> None:
    """Each of them does, and its output is what it was, so that nothing follows."""
    clone = copy_of()
    for name in (
        "conf/schedule/cosine.yaml",
        "src/snowmelt/pipeline/config/overrides.py",
        "src/snowmelt/pipeline/compatibility/training_rules.py",
    ):
        whole = (clone / name).read_bytes()
        remark(clone / name)
        assert planned(clone) == {"compose"}, name
        (clone / name).write_bytes(whole)
    remark(clone / "conf/schedule/cosine.yaml")
    remark(clone / "src/snowmelt/pipeline/config/overrides.py")
    remark(clone / "src/snowmelt/pipeline/compatibility/training_rules.py")
    assert repro(clone) == {"compose"}


def planned(clone: Path, *targets: str) -> set[str]:
    """The stages with an edit of their own, which `dvc repro` would run first."""
    return ran(dvc("repro", "--dry", *targets, cwd=clone))


@pytest.mark.slow
def test_a_metric_runs_evaluate_and_report(copy_of: Copy) -> None:
    clone = copy_of()
    before = (clone / "outputs/model/model.ckpt").read_bytes()
    remark(clone / "src/snowmelt/evaluation/metrics/feature_distances.py")
    # The numbers come out as they were, so that the report is not drawn again.
    assert repro(clone) == {"evaluate", "report"}
    assert (clone / "outputs/model/model.ckpt").read_bytes() == before


@pytest.mark.slow
def test_a_new_schedule_runs_train_and_after(copy_of: Copy) -> None:
    clone = copy_of()
    file = clone / "src/snowmelt/diffusion/schedules/fresh.py"
    file.write_text(
        "from snowmelt.diffusion.schedules import Cosine\n\n\n"
        "class Fresh(Cosine):\n    pass\n"
    )
    (clone / "conf/schedule/fresh.yaml").write_text(
        "_target_: snowmelt.diffusion.schedules.fresh.Fresh\n"
    )
    assert repro(clone) == {"compose", "train", "sample", "evaluate", "report"}


def digests(folder: Path) -> dict[str, bytes]:
    """The content of every file that the pipeline made, by name."""
    made = [
        path
        for top in ("outputs", "data/prepared", "reports")
        for path in sorted((folder / top).rglob("*"))
        if path.is_file()
    ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in made}


def test_an_image_added_to_the_raw_folder_runs_prepare(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone", "data.size=8", "data.channels=1")
    raw = clone / "data" / "raw"
    generator = np.random.default_rng(0)
    for number in range(12):
        pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(raw / f"{number}.png")
    set_params(clone, data="folder")
    assert repro_here(clone, "prepare") == {"compose", "prepare"}
    assert repro_here(clone, "prepare") == set()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(raw / "another.png")
    assert repro_here(clone, "prepare") == {"prepare"}
    manifest = json.loads((clone / "data/prepared/manifest.json").read_text())
    assert manifest["count"] == 13


def test_labels_beside_the_data_are_watched_and_elsewhere_refused(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone (1)")
    raw = clone / "data" / "raw"
    generator = np.random.default_rng(0)
    np.save(raw / "images.npy", generator.integers(0, 256, (24, 8, 8), dtype=np.uint8))
    np.save(raw / "labels.npy", np.arange(24) % 2)
    given = ["data.path=data/raw/images.npy", "data.labels=data/raw/labels.npy"]
    set_params(clone, data="array", overrides=given)
    assert repro_here(clone, "prepare") == {"compose", "prepare"}
    content = bytearray((raw / "labels.npy").read_bytes())
    content[-8] ^= 1
    (raw / "labels.npy").write_bytes(content)
    assert planned(clone, "prepare") == {"prepare"}
    (raw / "labels.npy").rename(clone / "labels.npy")
    set_params(clone, overrides=[given[0], "data.labels=labels.npy"])
    result = run_command("dvc", "repro", "prepare", cwd=clone)
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert f"data.labels: {clone / 'labels.npy'} is not watched by DVC" in said
    assert "Traceback" not in said


def test_a_typo_in_params_is_one_clear_error(copy_of: Copy) -> None:
    clone = copy_of()
    set_params(clone, shedule="linear")
    result = run_command("dvc", "repro", cwd=clone)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "params.yaml: unknown key 'shedule'" in said
    assert "schedule" in said
    assert "Traceback" not in said
