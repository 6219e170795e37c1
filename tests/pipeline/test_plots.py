"""What `dvc plots` draws: the tables that dvc.yaml names, by columns that they have."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from snowmelt.evaluation.comparison import sampling_costs
from snowmelt.evaluation.comparison.sampling_cost_table import COLUMNS, cost_csv
from tests.evaluation.comparison.sampled_jobs import jobs
from tests.project import ROOT, run_command, succeed

TABLE = "reports/sweep/samplers.csv"
PLOTS = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
TEMPLATE = ROOT / ".dvc/plots/samplers.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of DVC with these plots, and the losses of a training."""
    shutil.copytree(ROOT / ".dvc/plots", tmp_path / ".dvc/plots")
    shutil.copy(ROOT / ".dvc/config", tmp_path / ".dvc")
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"plots": PLOTS}))
    (tmp_path / "outputs/model").mkdir(parents=True)
    (tmp_path / "outputs/model/losses.csv").write_text(
        "step,loss,held_out_loss\n1,2,3\n2,1,2\n"
    )
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def fields(node: Any) -> Iterator[str]:
    """The columns that a template names."""
    if isinstance(node, dict):
        if isinstance(node.get("field"), str):
            yield node["field"]
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from fields(inner)


def test_the_table_has_the_columns_of_the_plot() -> None:
    (named,) = (plot[TABLE] for plot in PLOTS if TABLE in plot)
    assert {named["x"], named["y"]} <= set(COLUMNS)
    assert named["template"] == TEMPLATE.stem
    template = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    used = {field for field in fields(template) if not field.startswith("<DVC_METRIC_")}
    assert used - {"rev"} <= set(COLUMNS)
    assert set(template["data"]["format"]["parse"]) <= set(COLUMNS)


def test_dvc_draws_a_line_for_each_sampler(project: Path) -> None:
    table = project / TABLE
    table.parent.mkdir(parents=True)
    table.write_text(cost_csv(sampling_costs(jobs(), 0.05)), encoding="utf-8")
    done = succeed(run_command("dvc", "plots", "show", TABLE, "--show-vega", cwd=project))
    shown = json.loads(done.stdout[done.stdout.index("{") :])
    rows = shown["data"]["values"]
    assert [row["sampler"] for row in rows] == ["ddpm", "ddim", "ddim", "unipc", "unipc"]
    assert shown["encoding"]["x"]["field"] == "evaluations"
    assert shown["encoding"]["color"]["field"] == "sampler"
    assert shown["layer"][1]["encoding"]["y"]["field"] == "distance"
    assert "<DVC_METRIC" not in done.stdout


def test_without_a_sweep_the_other_plots_are_drawn(project: Path) -> None:
    succeed(run_command("dvc", "plots", "show", cwd=project))
    page = (project / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert "held_out_loss" in page
