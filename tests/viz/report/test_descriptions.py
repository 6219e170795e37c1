"""What the tracker's pages say of a run and of a sweep."""

from __future__ import annotations

from pathlib import Path

from tests.viz.report.test_page import material

from snowmelt.evaluation.comparison import Job, compare
from snowmelt.viz.report.run_description import run_description
from snowmelt.viz.report.sweep_description import sweep_description


def link(path: str) -> str:
    return f"file?{path}"


def test_a_run_tells_its_numbers_pictures_and_command() -> None:
    figures = [Path("figures") / name for name in ("hidden.png", "samples.png")]
    said = run_description(material(), figures, link, "snowmelt train seed=1")
    first, table, links, again = said.split("\n\n")
    assert "Frechet distance (classifier) 3.21" in first
    assert table.splitlines()[2].startswith("| Frechet distance (classifier) | 3.21")
    assert "1.10" in table.splitlines()[2]
    assert links == (
        "[the report](file?report/index.html) · [samples](file?figures/samples.png)"
    )
    assert again == "Again: `snowmelt train seed=1`"
    assert "Again" not in run_description(material(), figures, link, "")


def jobs() -> list[Job]:
    values = {"linear": (6.0, 6.1, 6.2), "cosine": (3.0, 3.1, 3.2)}
    return [
        Job(
            f"{schedule}{seed}",
            {"schedule": schedule, "seed": seed},
            metrics={"frechet_distance": value, "frechet_distance_floor": 1.1},
            protocol="p",
        )
        for schedule, found in values.items()
        for seed, value in enumerate(found)
    ]


def test_a_sweep_tells_its_verdict_first() -> None:
    comparison = compare(jobs())
    said = sweep_description(comparison, ["comparison.png"], link, "snowmelt x")
    verdict, table, links, again = said.split("\n\n")
    assert verdict == f"**{comparison.summary}**"
    heading, _, first, second = table.splitlines()
    assert heading.startswith("| schedule")
    assert first.startswith("| cosine")
    assert second.startswith("| linear")
    assert links == "[comparison.png](file?comparison/comparison.png)"
    assert again == "Again: `snowmelt x`"


def test_what_failed_is_told_too() -> None:
    broken = Job("7", {"schedule": "sigmoid", "seed": 0}, "failed", "Boom: it broke\nline")
    said = sweep_description(compare([*jobs(), broken]), [], link, "snowmelt x")
    assert "Failed:\n\n- schedule=sigmoid seed=0: Boom: it broke" in said
    alone = sweep_description(compare([broken]), [], link, "snowmelt x")
    assert alone.startswith("**Not ranked: no job finished.**")
