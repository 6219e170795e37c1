from __future__ import annotations

from pathlib import Path

from tests.evaluation.comparison import sampled_jobs, test_disagreement

from snowmelt.evaluation.comparison import Job, compare, sampling_costs
from snowmelt.pipeline.sweep.sweep_paper import write


def test_a_sweep_leaves_tables_and_figures(tmp_path: Path) -> None:
    files = write(compare(test_disagreement.jobs()), [], tmp_path, tmp_path)
    assert [str(path.relative_to(tmp_path / "paper")) for path in files] == [
        "results.md",
        "table.tex",
        "snowmelt.bib",
        "figures/comparison.pdf",
        "figures/comparison.svg",
        "figures/bound_bits_per_dim.pdf",
        "figures/bound_bits_per_dim.svg",
    ]
    assert "The measures differ" in files[0].read_text()


def test_samplers_have_a_table_of_their_own(tmp_path: Path) -> None:
    jobs = sampled_jobs.jobs()
    costs = sampling_costs(jobs, 0.05)
    files = write(compare(jobs), [*costs, *costs], tmp_path, tmp_path)
    assert {path.parent.name for path in files if path.suffix == ".md"} == {
        "paper",
        "paper_2",
    }
    assert "unipc" in files[0].read_text()
    assert "drawn by each sampler" in files[0].read_text()
    assert (tmp_path / "paper" / "figures" / "samplers.svg").is_file()


def test_that_of_an_earlier_sweep_does_not_stay(tmp_path: Path) -> None:
    write(compare(test_disagreement.jobs()), [], tmp_path, tmp_path)
    assert write(compare([Job("a", {}, "failed", "x")]), [], tmp_path, tmp_path) == []
    assert not (tmp_path / "paper").exists()
