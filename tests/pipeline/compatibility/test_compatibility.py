"""Which parts go together: every refusal with its reason, and no false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.pipeline.compatibility import (
    configuration_rules,
    dry_run_rules,
    sampling_rules,
    training_rules,
)
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, raise_errors
from snowmelt.pipeline.config import composition

ROOT = Path(__file__).parents[3]
SCHEDULES = composition.groups(ROOT)["schedule"]
ZERO = "schedule=zero_terminal"
SHARE = "denoiser.learned_variance=true"


@pytest.fixture(autouse=True)
def no_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dry run finds is the subject of `test_dry_run_rules`."""
    monkeypatch.setattr(dry_run_rules, "issues", lambda _: [])


def composed(*overrides: str) -> Any:
    return composition.compose(ROOT, overrides, is_checked=False)


def issues_of(*overrides: str) -> list[CompatibilityIssue]:
    return configuration_rules.issues(composed(*overrides))


def refused(*overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        configuration_rules.check(composed(*overrides))
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("prediction", ["eps", "score"])
def test_no_signal_no_division_by_it(prediction: str) -> None:
    text = refused(ZERO, f"prediction={prediction}")
    assert text.startswith("prediction, schedule: ")
    assert "dividing by alpha" in text
    assert "use prediction=v" in text
    configuration_rules.check(composed("schedule=linear", f"prediction={prediction}"))


@pytest.mark.parametrize("prediction", ["v", "x_0", "edm"])
def test_what_needs_no_signal_may_end_without_any(prediction: str) -> None:
    configuration_rules.check(composed(ZERO, f"prediction={prediction}"))


def test_a_schedule_inside_another_is_seen() -> None:
    config = plain(composed(ZERO, "prediction=eps"))
    config["schedule"] = {
        "_target_": "snowmelt.schedules.InputScaled",
        "of": config["schedule"],
    }
    with pytest.raises(UserError, match="dividing by alpha"):
        configuration_rules.check(config)


def test_exploding_noise_cannot_end_without_signal() -> None:
    text = refused(ZERO, "process=variance_exploding")
    assert text.startswith("process, schedule: ")
    assert "infinite noise" in text


@pytest.mark.parametrize("sampler", ["euler", "heun", "euler_maruyama", "edm"])
def test_an_equation_in_time_cannot_start_at_an_infinite_slope(sampler: str) -> None:
    text = refused(ZERO, f"sampler={sampler}")
    assert text.startswith("sampler, schedule: ")
    assert "sampler=ddim" in text
    assert not any(f.is_error for f in issues_of(f"sampler={sampler}"))


@pytest.mark.parametrize("grid", ["karras", "log_snr"])
def test_a_grid_of_levels_needs_a_last_level(grid: str) -> None:
    text = refused(ZERO, "sampler=ddim", f"grid={grid}")
    assert text.startswith("sampler.grid, schedule: ")
    assert "grid=trailing" in text


def test_zero_terminal_is_sampled_from_the_last_time() -> None:
    text = refused(ZERO, "grid=leading")
    assert text.startswith("sampler.grid, schedule: ")
    assert "pure noise at t = 1 only" in text
    configuration_rules.check(composed(ZERO, "grid=linspace"))
    configuration_rules.check(composed(ZERO, "grid=trailing"))


def test_a_learned_variance_is_trained_and_asked_for() -> None:
    untrained = refused("sampler=ddpm_learned")
    assert untrained.startswith("sampler, denoiser.learned_variance: ")
    assert "loss=hybrid" in untrained
    assert "denoiser.learned_variance=true" in refused("loss=hybrid")
    assert "stay at its initialisation" in refused(SHARE)
    configuration_rules.check(composed(SHARE, "loss=hybrid", "sampler=ddpm_learned"))
    (warning,) = issues_of(SHARE, "loss=hybrid", "sampler=ddim")
    assert not warning.is_error
    assert "does not use the variance" in warning.text


def test_a_schedule_is_learned_only_by_a_loss_that_it_cannot_cheat() -> None:
    text = refused("schedule=learned")
    assert text.startswith("loss, schedule: ")
    assert "loss=vlb" in text
    configuration_rules.check(composed("schedule=learned", "loss=vlb"))


def test_a_threshold_is_for_images() -> None:
    config = composed("threshold=clip")
    configuration_rules.check(config)
    with pytest.raises(UserError, match=r"^sampler.threshold: .*threshold=none"):
        sampling_rules.check(config, config, is_points=True)
    sampling_rules.check(composed("threshold=none"), config, is_points=True)


def test_guidance_by_classes_needs_a_network_that_knows_them() -> None:
    text = refused("guidance=classifier_free")
    assert text.startswith("guidance, denoiser.conditional: ")
    assert "denoiser.conditional=true" in text
    configuration_rules.check(
        composed("guidance=classifier_free", "denoiser.conditional=true")
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("guidance=inversion",), "take sampler=ddim"),
        (("guidance=repaint", "sampler=ode_adaptive"), "take another sampler"),
        (("guidance=measurement", "sampler=ode_adaptive"), "take another sampler"),
    ],
)
def test_guidance_and_its_sampler_are_looked_at_before_any_training(
    given: tuple[str, ...], reason: str
) -> None:
    text = refused(*given)
    assert text.startswith("guidance, sampler: ")
    assert reason in text
    configuration_rules.check(composed(given[0], "sampler=ddim"))


def test_arguments_of_a_guidance_are_looked_at_before_any_training() -> None:
    given = ("guidance=classifier_free", "denoiser.conditional=true")
    assert "two rising log-SNRs" in refused(*given, "guidance.interval=[3,1]")
    assert "guidance.interval must be" in refused(*given, "guidance.interval=[a,b]")
    assert "scale must be" in refused(*given, "guidance.scale=-1")


def test_a_checkpoint_is_judged_by_what_it_was_trained_with() -> None:
    """Its own parts count, not those that the configuration would train."""
    now = composed("sampler=heun", "schedule=linear")
    then = composed(ZERO)
    sampling_rules.check(now, now)
    with pytest.raises(UserError, match=r"^sampler, schedule: "):
        sampling_rules.check(now, then)
    older = {name: then[name] for name in ("schedule", "process", "prediction")}
    sampling_rules.check(composed("sampler=ddim"), older)


def test_a_fused_step_takes_no_scaled_gradients() -> None:
    fused, scaled = "optimizer.implementation=fused", "trainer.precision=16-mixed"
    text = refused(fused, scaled)
    assert text.startswith("optimizer.implementation, trainer.precision: ")
    assert "implementation=auto" in text
    for given in ((fused,), (scaled,), (scaled, "optimizer=muon")):
        configuration_rules.check(composed(*given))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("process", ["variance_preserving", "sub_vp"])
def test_every_schedule_goes_with_the_defaults_of_the_rest(
    schedule: str, process: str
) -> None:
    given = [f"schedule={schedule}", f"process={process}"]
    loss = "loss=vlb" if schedule == "learned" else "loss=simple"
    configuration_rules.check(composed(*given, loss))


def test_the_default_gives_no_reason_to_doubt() -> None:
    assert issues_of() == []


@pytest.mark.parametrize(
    ("overrides", "keys", "named"),
    [
        (
            ("schedule=cosine", "schedule.log_snr_min=-2.0"),
            ("schedule", "process"),
            "0.092 bits",
        ),
        (
            ("schedule=cosine", "schedule.log_snr_max=3.0"),
            ("schedule",),
            "the log-SNR at the data is 3.0",
        ),
        (
            ("process=variance_exploding", "schedule=geometric", "schedule.sigma_max=3.0"),
            ("schedule", "process"),
            "signal is left at t = 1",
        ),
        (
            ("schedule=improved_cosine", "prediction=eps", "threshold=none"),
            ("prediction", "schedule", "threshold"),
            "2e+04 times as large",
        ),
        (
            ("schedule=cosine", "grid=leading", "sampler.steps=10"),
            ("sampler.grid", "schedule"),
            "t = 0.901",
        ),
        (
            ("schedule=ddpm_1000", "grid=linspace", "sampler.grid.chain_steps=500"),
            ("sampler.grid", "schedule"),
            "chain_steps=1000",
        ),
        (("loss=edm",), ("loss", "prediction"), "sigma_data 0.5"),
        (
            ("loss=edm", "prediction=edm", "prediction.sigma_data=1.0"),
            ("loss", "prediction"),
            "very unequal",
        ),
        (("prediction=score",), ("loss", "prediction"), "grows without bound"),
        (("schedule=random_walk", "grid=log_snr"), ("schedule", "time_sampling"), "56%"),
        (
            ("schedule=chain", "schedule.steps=10", "schedule.max_beta=0.3"),
            ("schedule",),
            "betas were too large",
        ),
        (
            ("schedule=ddpm_1000", "loss=vlb_discrete", "loss.steps=100"),
            ("loss", "schedule"),
            "uses 100 times, but the chain has 1000",
        ),
        (
            ("schedule=ddpm_1000", "time_sampling=discrete", "time_sampling.steps=100"),
            ("time_sampling", "schedule"),
            "uses 100 times, but the chain has 1000",
        ),
    ],
)
def test_warnings_are_worded_and_pass(
    overrides: tuple[str, ...], keys: tuple[str, ...], named: str
) -> None:
    found = [issue for issue in issues_of(*overrides) if issue.keys == keys]
    assert any(named in issue.text for issue in found), issues_of(*overrides)
    assert not any(issue.is_error for issue in found)
    configuration_rules.check(composed(*overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        ("loss=edm", "prediction=edm"),
        ("schedule=improved_cosine", "prediction=eps"),
        ("schedule=cosine", "prediction=eps", "threshold=none"),
        ("schedule=ddpm_1000", "loss=vlb_discrete"),
        ("schedule=ddpm_1000", "grid=linspace"),
        ("schedule=linear", "grid=leading"),
        ("schedule=karras", "process=variance_exploding", "prediction=edm"),
        ("trainer.precision=bf16-mixed",),
        ("schedule=random_walk", "time_sampling=log_normal", "grid=log_snr"),
        ("schedule=ddpm_1000", "time_sampling=discrete"),
    ],
)
def test_what_goes_well_is_not_doubted(overrides: tuple[str, ...]) -> None:
    assert issues_of(*overrides) == []


def test_what_cannot_be_built_is_refused_in_its_own_words() -> None:
    (issue,) = issues_of("schedule=cosine", "schedule.log_snr_max=-20.0")
    assert issue.is_error
    assert "log_snr_max must lie above log_snr_min" in str(issue)


def test_a_training_alone_knows_no_sampler() -> None:
    """What comes by --config is checked again by each stage, for its own part."""
    config = composed(ZERO, "sampler=heun")
    training_rules.check(config)
    with pytest.raises(UserError, match="dividing by alpha"):
        training_rules.check(composed(ZERO, "prediction=eps"))


def test_refusals_come_first_and_all_at_once() -> None:
    found = issues_of(ZERO, "prediction=score", "loss=hybrid")
    flags = [issue.is_error for issue in found]
    assert flags == sorted(flags, reverse=True)
    assert flags.count(True) == 2
    assert False in flags or len(flags) == 2
    with pytest.raises(UserError, match=r"dividing by alpha.*; and .*learned_variance"):
        raise_errors(found)


def test_looking_leaves_no_trace() -> None:
    before = torch.random.get_rng_state()
    issues_of("schedule=learned", "loss=vlb")
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.is_grad_enabled()


def test_a_likelihood_that_the_model_cannot_have_is_refused() -> None:
    assert "zero terminal SNR takes infinitely long" in refused("likelihood=ode", ZERO)
    for measured in ("bound", "both"):  # beside the bound the flow is left out
        assert not [i for i in issues_of(f"likelihood={measured}", ZERO) if i.is_error]
