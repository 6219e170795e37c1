"""What `dvc plots` draws: a table of samplers by a template, a page without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snowmelt.evaluation.comparison import sampling_costs
from snowmelt.evaluation.comparison.sampling_cost_table import COLUMNS, cost_csv
from tests.evaluation.comparison.sampled_jobs import jobs
from tests.plots_page import plots_page
from tests.project import ROOT, run_command, succeed

TABLE = "reports/sweep/samplers.csv"
TEMPLATE = ROOT / ".dvc/plots/samplers.json"
AS_SAID = f"dvc plots show {TABLE} --template samplers -x evaluations -y distance"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of DVC with the table of a sweep."""
    shutil.copytree(ROOT / ".dvc/plots", tmp_path / ".dvc/plots")
    shutil.copy(ROOT / ".dvc/config", tmp_path / ".dvc")
    table = tmp_path / TABLE
    table.parent.mkdir(parents=True)
    table.write_text(cost_csv(sampling_costs(jobs(), 0.05)), encoding="utf-8")
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


def test_the_table_has_the_columns_of_the_template() -> None:
    template = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    used = {field for field in fields(template) if not field.startswith("<DVC_METRIC_")}
    assert used - {"rev"} <= set(COLUMNS)
    assert set(template["data"]["format"]["parse"]) <= set(COLUMNS)


def test_dvc_draws_a_line_for_each_sampler(project: Path) -> None:
    assert AS_SAID in (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
    done = succeed(run_command(*AS_SAID.split(), "--show-vega", cwd=project))
    shown = json.loads(done.stdout[done.stdout.index("{") :])
    rows = shown["data"]["values"]
    assert [row["sampler"] for row in rows] == ["ddpm", "ddim", "ddim", "unipc", "unipc"]
    assert shown["encoding"]["x"]["field"] == "evaluations"
    assert shown["encoding"]["color"]["field"] == "sampler"
    assert shown["layer"][1]["encoding"]["y"]["field"] == "distance"
    assert "<DVC_METRIC" not in done.stdout


def test_the_page_asks_no_other_host(tmp_path: Path) -> None:
    """A browser looks at it in tests/browser/."""
    page = plots_page(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "vegaEmbed('#training', spec)" in text
    assert re.findall(r"(?:src|href)=[\"']?(https?:[^\"'> ]*)", text) == []
    drawn = sorted(path.name for path in (page.parent / "static").iterdir())
    assert drawn == [f"{one}_reports_figures_samples.png" for one in ("HEAD", "workspace")]
