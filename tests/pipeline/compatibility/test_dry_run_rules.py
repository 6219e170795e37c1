"""A combination's own numbers decide, and another law than theirs confirms them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.compatibility.judge import Case, every_case, names, verdict

from snowmelt.common.errors import UserError
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.compatibility import (
    configuration_rules,
    dry_run_rules,
    issues,
    sampling_rules,
    shape_rules,
)
from snowmelt.pipeline.compatibility.combination import Combination
from snowmelt.pipeline.compatibility.dry_run_rules import corner
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue
from snowmelt.pipeline.config import composition
from snowmelt.sampling.dry_run import Outcome

ROOT = Path(__file__).parents[3]
EULER_MARUYAMA = ("sampler=euler_maruyama", "sampler.steps=40")
EDM = ("sampler=edm", "sampler.steps=20")
VP, VE = "variance_preserving", "variance_exploding"
NAMED = [
    Case("laplace", VP, "euler_maruyama", False),
    Case("laplace", VP, "euler", False),
    Case("laplace", VP, "heun", True),
    Case("laplace", VP, "langevin", True),
    Case("improved_cosine", VE, "euler", False),
    Case("sigmoid", VE, "heun", True),
    Case("exponential", VP, "ddpm", False),
    Case("cosine", VP, "langevin_images", True),
    Case("cosine", VP, "ddpm", False),
    Case("linear", VP, "dpm_2m", True),
    Case("karras", VE, "edm", False),
    Case("random_walk", VP, "ddim", True),
]
CHEAP = [c for c in every_case() if c.sampler not in ("ode_adaptive", "langevin_images")]
SEEDED = random.Random(0).sample(CHEAP, 12)


def composed(*overrides: str) -> Any:
    return composition.compose(ROOT, overrides, is_checked=False)


def found_in(*overrides: str) -> list[CompatibilityIssue]:
    config = composed(*overrides)
    shape = shape_rules.shape_of(config["data"], ROOT)
    return configuration_rules.issues(config, shape=shape)


def agree(case: Case) -> None:
    """Whatever misses has a finding, and whatever is refused misses."""
    told = verdict(case)
    if told is not None:
        assert told.has_finding or not told.misses, told
        assert told.misses or not told.is_refused, told


@pytest.mark.parametrize("case", [*NAMED, *SEEDED], ids=str)
def test_rules_and_judge_agree(case: Case) -> None:
    agree(case)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("schedule", names("schedule"))
@pytest.mark.parametrize("sampler", names("sampler"))
def test_rules_and_judge_agree_on_every_combination(schedule: str, sampler: str) -> None:
    for case in every_case():
        if (case.schedule, case.sampler) == (schedule, sampler):
            agree(case)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (("schedule=laplace", "sampler=euler"), "at or beyond the data's edge"),
        (("schedule=laplace", "sampler=heun"), "rate times step is 9.7e+06 in step 1"),
        (
            ("schedule=sigmoid", "process=variance_exploding", "sampler=heun"),
            "grid=log_snr",
        ),
        ((*EULER_MARUYAMA, "sampler.eta=30"), "leave all bounds"),
    ],
)
def test_what_explodes_is_refused_with_its_numbers(
    overrides: tuple[str, ...], named: str
) -> None:
    (issue,) = found_in(*overrides)
    assert issue.is_error
    assert issue.keys == ("sampler", "schedule")
    assert named in issue.text
    assert "\n" not in issue.text


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (("schedule=random_walk",), "straight to the data"),
        (("schedule=exponential",), "the log-SNR goes from -12.00 to 2.0"),
        (("sampler.steps=5",), "it rises by up to 7.8 (step 1)"),
        (
            ("data=two_moons", "threshold=none", "sampler=langevin_images"),
            "with steps of a fixed size (sampler=langevin) they do not",
        ),
        ((*EDM, "sampler.noise_scale=3"), "times the data's deviation"),
    ],
)
def test_what_misses_is_doubted_with_its_numbers(
    overrides: tuple[str, ...], named: str
) -> None:
    issue = next(one for one in found_in(*overrides) if "exact denoiser" in one.text)
    assert not issue.is_error
    assert named in issue.text


EXPERIMENTS = [f"experiment={name}" for name in names("experiment")]
SWEPT = ["schedule=linear", "schedule=cosine", "schedule=sigmoid"]
SAMPLERS = ["ddim", "ddpm_large", "dpm_2m", "dpm_2m_sde", "edm", "euler", "heun"]


@pytest.mark.parametrize(
    "override", [*EXPERIMENTS, *SWEPT, *(f"sampler={name}" for name in SAMPLERS)]
)
def test_what_ships_is_not_doubted(override: str) -> None:
    assert found_in(override) == []


def test_a_scale_of_guidance_has_a_limit() -> None:
    guided = ("guidance=classifier_free", "denoiser.conditional=true", "sampler=ddim")
    assert found_in(*guided) == []
    found = found_in(*guided, "guidance.scale=1e3", "threshold=none", "sampler.steps=20")
    assert found[0].is_error
    assert found[0].keys == ("sampler", "schedule", "guidance")
    assert "with guidance.scale=2 they do not" in found[0].text
    assert "multiplies the errors of the network by 1000" in found[1].text


@pytest.mark.parametrize(
    "guidance", ["measurement", "measurement_blur", "replacement", "inversion"]
)
def test_guidance_by_examples_is_run_with_examples_of_the_law(guidance: str) -> None:
    given = f"guidance={guidance}", "sampler=ddim", "sampler.steps=25"
    config = composed(*given)
    combination = sampling_rules.combination(config, sampling_rules.trained(config))
    outcome = dry_run_rules.outcome_of(combination)
    assert outcome is not None
    assert outcome.mean_error < 0.08
    assert 0.8 < outcome.deviation < 1.2


def test_what_would_take_too_long_is_left_out() -> None:
    config = composed("sampler.steps=100000")
    combination = sampling_rules.combination(config, sampling_rules.trained(config))
    assert dry_run_rules.outcome_of(combination) is None


def test_numbers_that_are_none_are_refused() -> None:
    broken = Outcome(float("nan"), float("inf"), 0.0)
    assert dry_run_rules.is_refused(broken)
    fine = Outcome(0.0, 1.0, 0.02)
    assert not dry_run_rules.is_refused(fine)
    assert dry_run_rules.is_refused(Outcome(0.0, 1.0, 0.6))


def test_a_corner_has_few_elements_of_the_same_kind() -> None:
    assert corner((3, 256, 256)) == (3, 8, 8)
    assert corner((1, 28, 28)) == (1, 16, 16)
    assert corner((1, 8, 8)) == (1, 8, 8)
    assert corner((2,)) == (2,)


def test_equal_combinations_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Combination] = []

    def counted(*_: Any, **__: Any) -> Outcome:
        runs.append(_[0])
        return Outcome(0.0, 1.0, 0.0)

    monkeypatch.setattr(dry_run_rules, "dry_run", counted)
    dry_run_rules.outcome_of.cache_clear()
    for seed in (1, 2, 3):
        found_in(f"seed={seed}", "sampler.steps=7")
    dry_run_rules.outcome_of.cache_clear()
    assert len(runs) == 1


def test_parts_that_are_refused_are_not_run() -> None:
    found = found_in("schedule=zero_terminal", "prediction=score", "sampler.steps=5")
    assert [issue.keys for issue in found if issue.is_error] == [("prediction", "schedule")]
    assert not [issue for issue in found if "exact denoiser" in issue.text]


def test_points_have_no_range_before_anything_is_prepared() -> None:
    found = found_in("data=two_moons")
    assert next(str(issue) for issue in found if issue.is_error).startswith(
        "sampler.threshold: "
    )


@pytest.mark.parametrize("command", ["compose", "pipeline", "train"])
def test_a_command_says_each_finding_once(
    command: str,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setattr("snowmelt.pipeline.cli._pipeline", lambda settled, root: root)
    monkeypatch.setattr("snowmelt.pipeline.cli.run_stage", lambda *_: workspace)
    for _ in range(2):  # each command for itself
        assert main([command, "sampler.steps=5"]) == 0
        said = capsys.readouterr().err.splitlines()
        assert len([line for line in said if "snowmelt: warning: sampler" in line]) == 1


def test_jobs_say_nothing_that_was_said_before_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    issues.forget()
    doubt = CompatibilityIssue(("key",), "hm")
    issues.settle([doubt], "one")
    issues.settle([doubt], "two")
    assert capsys.readouterr().err == "snowmelt: warning: one: key: hm\n"
    monkeypatch.setenv(issues.SAID, issues.said_before()[issues.SAID])
    issues.forget()
    issues.settle([doubt])
    assert capsys.readouterr().err == ""
    monkeypatch.delenv(issues.SAID)
    issues.forget()
    with pytest.raises(UserError, match="key: hm"):
        issues.settle([CompatibilityIssue(("key",), "hm", is_error=True)])
