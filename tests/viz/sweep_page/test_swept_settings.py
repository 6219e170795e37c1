"""Which runs stand together, and which beside each other."""

from __future__ import annotations

from dataclasses import replace

from tests.viz.sweep_page import swept

from snowmelt.evaluation.comparison import compare
from snowmelt.viz.sweep_page.swept_settings import by_training, of_one_seed, settings_of


def test_settings_come_in_the_order_of_the_comparison_with_their_colour() -> None:
    found = settings_of(swept.material())
    assert [one.label for one in found] == ["cosine", "linear", "sigmoid"]
    assert [one.place for one in found] == [0, 1, 2]
    assert found[0].seeds == ["0", "1", "2"]


def test_a_setting_without_a_run_keeps_its_colour_free() -> None:
    runs = [run for run in swept.material().runs if "cosine" not in run.job.name]
    found = settings_of(swept.material(runs=runs))
    assert [(one.label, one.place) for one in found] == [("linear", 1), ("sigmoid", 2)]


def test_settings_of_one_training_are_one_called_by_what_they_share() -> None:
    told = [
        (schedule, sampler, seed)
        for schedule in ("linear", "cosine")
        for sampler in ("ddim", "ddpm")
        for seed in (0, 1)
        if (schedule, sampler, seed) != ("linear", "ddim", 1)  # this one failed
    ]
    found = [
        replace(swept.job(a, seed, 1 + number / 10, sampler=b), name=f"{a}{seed}{b}")
        for number, (a, b, seed) in enumerate(told)
    ]
    runs = [swept.run(one) for one in found]
    settings = settings_of(swept.material(comparison=compare(found), runs=runs))
    assert len(settings) == 4
    trained = by_training(settings)
    assert [one.label for one in trained] == ["linear", "cosine"]
    assert [[run.training for run in one.runs] for one in trained] == [
        ["linear0", "linear1"],
        ["cosine0", "cosine1"],
    ]
    assert [one.place for one in trained] == [0, 1]


def test_runs_beside_each_other_have_one_seed() -> None:
    runs = [run for run in swept.material().runs if run.job.name != "cosine-0"]
    beside = of_one_seed(settings_of(swept.material(runs=runs)))
    assert [one.runs[0].job.seed for one in beside] == ["1", "1", "1"]
    assert of_one_seed([]) == []
