"""The files that CONTRIBUTING.md tells to write can be written as they stand there."""

from __future__ import annotations

import re
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from snowmelt.diffusion.schedules import NoiseSchedule
from snowmelt.evaluation.catalogue.metric import LOWER, Metric
from tests.project import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"Write `(?P<file>[^`]+)`[^\n]*\n\n(?P<block> +```\w+\n.*?\n +```)", re.DOTALL
)


def content(block: str) -> str:
    return "\n".join(textwrap.dedent(block).splitlines()[1:-1]) + "\n"


FILES = {step["file"]: content(step["block"]) for step in STEP.finditer(TEXT)}
PROGRAMS = [file for file in FILES if file.endswith(".py")]
CONFIGURATIONS = [file for file in FILES if file.endswith(".yaml")]


def names_of(file: str) -> dict[str, Any]:
    """What a file that is to be written defines."""
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(FILES[file], file, "exec", dont_inherit=True), names)
    return names


def test_there_are_steps_for_each_kind_of_part() -> None:
    assert re.findall(r"^## An? (.+)$", TEXT, re.MULTILINE) == [
        "schedule",
        "sampler",
        "data set",
        "metric",
        "stage",
        "notebook",
    ]
    assert len(PROGRAMS) == 5
    assert len(CONFIGURATIONS) == 3


# The names leave out the file: `pytest -k ellipse` is a step of the page, with it written.
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(Path(file).parent))
def test_its_folder_is_there_and_the_file_is_new(file: str) -> None:
    assert (ROOT / file).parent.is_dir()
    assert not (ROOT / file).exists()


@pytest.mark.parametrize("file", PROGRAMS)
def test_all_that_a_program_imports_is_there(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dataclasses look their module up.
    monkeypatch.setitem(sys.modules, "written", types.ModuleType("written"))
    assert names_of(file)["__doc__"]


@pytest.mark.parametrize("file", CONFIGURATIONS)
def test_a_configuration_names_a_class_of_the_page(file: str) -> None:
    target = yaml.safe_load(FILES[file])["_target_"]
    name = target.rpartition(".")[2]
    assert any(f"class {name}(" in FILES[program] for program in PROGRAMS)


def test_the_schedule_keeps_the_law() -> None:
    schedule = names_of("src/snowmelt/diffusion/schedules/bent.py")["Bent"]()
    assert isinstance(schedule, NoiseSchedule)
    log_snr = schedule.log_snr(torch.linspace(0, 1, 101, dtype=torch.float64))
    assert bool((log_snr.diff() < 0).all())


def test_the_entry_of_the_metric_stands_among_the_others() -> None:
    block = re.search(r" +```python\n +SAMPLE_METRICS = .*?\n +```", TEXT, re.DOTALL)
    assert block is not None
    function = names_of("src/snowmelt/evaluation/metrics/mean_shift.py")["mean_shift"]
    module = types.SimpleNamespace(mean_shift=function)
    names = {"Metric": Metric, "LOWER": LOWER, "mean_shift": module}
    exec(content(block[0]), names)
    others, entry = names["SAMPLE_METRICS"]  # type: ignore[misc]
    assert others is ...
    assert entry == Metric(
        "mean_shift",
        "distance between the means ({features})",
        function,
        better=LOWER,
        floor="floor",
    )
