"""Jobs share the stages that read the same settings, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pipeline.coverage import PIPELINE

from snowmelt.common.instantiate import plain
from snowmelt.pipeline import job_stages, output_locks
from snowmelt.pipeline.command_line import STAGES
from snowmelt.pipeline.config import sweep_jobs
from snowmelt.pipeline.sweep import planned_jobs
from snowmelt.pipeline.sweep.job_identity import LETTERS, read_by
from snowmelt.pipeline.sweep.shared_stages import WRITTEN, SharedStage, is_whole, planned


def shared(root: Path, *overrides: str) -> dict[str, list[tuple[int, ...]]]:
    """The jobs that share each stage, in the order of the jobs."""
    configs = sweep_jobs.composed(root, sweep_jobs.jobs(root, overrides))
    found: dict[str, list[tuple[int, ...]]] = {}
    folders = set()
    for one in planned(configs, root):
        folder, _, digest = one.folder.rpartition("_")
        assert len(digest) == LETTERS
        found.setdefault(folder, []).append(one.jobs)
        folders.add(one.folder)
    assert len(folders) == sum(map(len, found.values()))
    return found


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        (("seed=0",), {"prepared": [(0,)], "reference": [(0,)]}),
        (
            ("schedule=linear,cosine",),
            {"prepared": [(0, 1)], "reference": [(0, 1)]},
        ),
        (
            ("sampler=ddim,ddpm", "seed=0,1"),
            {
                "prepared": [(0, 1, 2, 3)],
                "reference": [(0, 1, 2, 3)],
                "model": [(0, 2), (1, 3)],
            },
        ),
        (
            ("features=classifier,random_conv",),
            {"prepared": [(0, 1)], "reference": [(0,), (1,)], "model": [(0, 1)]},
        ),
        (
            ("data.split_seed=0,1",),
            {"prepared": [(0,), (1,)], "reference": [(0,), (1,)]},
        ),
        (
            ("data.split_seed=0,1", "sample.seed=0,1"),
            {name: [(0, 1), (2, 3)] for name in ("prepared", "reference", "model")},
        ),
    ],
)  # fmt: skip
def test_what_is_shared(
    workspace: Path, overrides: tuple[str, ...], found: dict[str, list[tuple[int, ...]]]
) -> None:
    assert shared(workspace, *overrides) == found


def test_a_stage_is_shared_by_what_dvc_says_that_it_reads(workspace: Path) -> None:
    (config,) = sweep_jobs.composed(workspace, {"": []})
    for stage in WRITTEN:
        (named,) = PIPELINE[stage]["params"]
        needed = {"data"} if stage == "prepare" else {"data", *named["outputs/config.yaml"]}
        assert set(read_by(stage, plain(config))) == needed


def test_jobs_find_what_was_made_for_them(workspace: Path) -> None:
    given = {"a": ["seed=0"], "b": ["seed=1"], "c": ["seed=2", "paths.prepared=mine"]}
    stages = [SharedStage("prepare", "prepared", (0, 2)), SharedStage("train", "m_1", (1,))]
    names = ("1" * 64, "2" * 64, "3" * 64)
    first, second, third = planned_jobs.placed(given, stages, names).values()
    assert first[1:] == [
        f"paths.root='multirun/jobs/{'1' * LETTERS}'",
        "paths.prepared='multirun/shared/prepared'",
    ]
    assert second[2:] == ["paths.model='multirun/shared/m_1'"]
    assert third[1:] == ["paths.prepared=mine", third[2]], "what was typed is kept"


def test_half_of_a_stage_is_made_again(tmp_path: Path) -> None:
    for stage in WRITTEN:
        assert not is_whole(stage, tmp_path / "nowhere")
        (tmp_path / stage).mkdir()
        for name in ("manifest.json", "reference.json"):
            (tmp_path / stage / name).write_text("{}")
        assert not is_whole(stage, tmp_path / stage)


def test_a_job_runs_what_is_left(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> None:
    (config,) = sweep_jobs.composed(workspace, {"": []})
    assert job_stages.of_this_job() == list(STAGES)
    everything = output_locks.written_by("pipeline", config, workspace)
    told = job_stages.told_without(["prepare", "train", "report"])
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert job_stages.of_this_job() == ["compose", "reference", "sample", "evaluate"]
    left = output_locks.written_by("pipeline", config, workspace)
    # Else jobs that run at once would keep each other from what they share.
    assert set(everything) - set(left) == {
        workspace / "data/prepared", workspace / "outputs/model",
    }  # fmt: skip
    assert output_locks.written_by("train", config, workspace) == [
        workspace / "outputs/model"
    ]
