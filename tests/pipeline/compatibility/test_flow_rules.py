"""What does not go with another start, other pairs or noise on the way, and what does."""

from __future__ import annotations

from typing import Any

import pytest
from tests.project import ROOT, last_of_each

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.pipeline.compatibility import (
    configuration_rules,
    dry_run_rules,
    flow_rules,
    sampling_rules,
)
from snowmelt.pipeline.config import composition

FLOW = "experiment=moons_to_eight"
OT = ("coupling=optimal_transport", "sampler=heun", "likelihood=none")


@pytest.fixture(autouse=True)
def no_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dry run finds is the subject of `test_dry_run_rules`."""
    monkeypatch.setattr(dry_run_rules, "issues", lambda _: [])


def composed(*overrides: str) -> Any:
    return composition.compose(ROOT, last_of_each(overrides), is_checked=False)


def refused(*overrides: str, shape: tuple[int, ...] = (2,)) -> str:
    with pytest.raises(UserError) as caught:
        configuration_rules.check(composed(*overrides), shape)
    text = str(caught.value)
    assert "\n" not in text
    return text


def warned(*overrides: str) -> list[str]:
    return [str(issue) for issue in configuration_rules.issues(composed(*overrides))]


def test_a_flow_between_two_clouds_goes_together() -> None:
    configuration_rules.check(composed(FLOW), (2,))
    for coupling in ("independent", "sinkhorn"):
        for interpolant in ("straight", "constant", "brownian_bridge"):
            chosen = (f"coupling={coupling}", f"interpolant={interpolant}")
            configuration_rules.check(composed(FLOW, *chosen), (2,))


@pytest.mark.parametrize(
    "sampler", ["ddim", "heun", "dpm_2m", "unipc", "deis", "ode_adaptive"]
)
def test_deterministic_samplers_serve_every_flow(sampler: str) -> None:
    configuration_rules.check(composed(FLOW, f"sampler={sampler}"), (2,))


@pytest.mark.parametrize("sampler", ["ddpm", "euler_maruyama", "dpm_2m_sde", "langevin"])
def test_a_sampler_with_noise_needs_a_score(sampler: str) -> None:
    text = refused(FLOW, f"sampler={sampler}")
    assert text.startswith("sampler, start, coupling, interpolant: ")
    assert "begins with other data than normal noise, and has none" in text
    assert "sampler=euler" in text


def test_pairs_and_noise_on_the_way_have_no_score_either() -> None:
    text = refused("coupling=optimal_transport", "likelihood=none")
    assert "OptimalTransport pairs each example with a noise that suits it" in text
    text = refused("interpolant=constant", "likelihood=none")
    assert "Constant adds noise on the way" in text
    configuration_rules.check(composed(*OT))
    # And diffusion along a straight line has one.
    straight = ("process=rectified_flow", "schedule=rectified_flow", "prediction=flow")
    configuration_rules.check(composed(*straight, "sampler=ddpm"))


def test_noise_that_does_not_end_in_a_start_is_refused() -> None:
    text = refused(FLOW, "process=variance_exploding", "schedule=geometric")
    assert text.startswith("process, start: ")
    assert "VarianceExploding has 1 of the data left at t = 1" in text
    assert "process=rectified_flow" in text


def test_the_noise_of_a_bridge_is_gone_at_both_ends() -> None:
    exploding = ("process=variance_exploding", "schedule=geometric", "prediction=v")
    text = refused(*exploding, *OT, "interpolant=brownian_bridge", "threshold=none")
    assert text.startswith("process, interpolant: VarianceExploding has 1 of the data left")
    assert "interpolant=constant" in text


@pytest.mark.parametrize("interpolant", ["constant", "brownian_bridge"])
def test_a_threshold_needs_an_estimate_of_the_data_alone(interpolant: str) -> None:
    noisy = (*OT, f"interpolant={interpolant}", "threshold=clip")
    text = refused(*noisy, shape=(1, 8, 8))
    assert text.startswith("threshold, interpolant: by ")
    assert "set threshold=none" in text
    assert "denoiser.with_score=true" in text
    configuration_rules.check(composed(*noisy, "threshold=none"))
    configuration_rules.check(composed(*noisy, "denoiser.with_score=true"))
    guided = (
        "coupling=class_wise",
        "denoiser.conditional=true",
        "guidance=classifier_free",
    )
    told = (*noisy, "denoiser.with_score=true", *guided)
    assert "Guidance does not tell them apart" in refused(*told, shape=(1, 8, 8))
    configuration_rules.check(composed(*told, "threshold=none"))


def test_pairs_that_a_flow_drew_have_no_classes() -> None:
    drawn = ("coupling=paired", "coupling.samples=somewhere")
    text = refused(FLOW, *drawn, "denoiser.conditional=true")
    assert text.startswith("coupling.samples, denoiser.conditional: the pairs that")
    assert "never see one; set denoiser.conditional=false" in text


def test_pairs_that_are_given_are_not_paired_within_classes() -> None:
    given = ("denoiser.conditional=true", "coupling=class_wise", "coupling.of=paired")
    assert "those of Paired are given: use coupling.of=" in refused(FLOW, *given)


@pytest.mark.parametrize("likelihood", ["bound", "ode_exact", "both"])
def test_the_likelihood_is_diffusions(likelihood: str) -> None:
    text = refused(FLOW, f"likelihood={likelihood}")
    assert "likelihood, start, coupling, interpolant: " in text
    assert "use likelihood=none" in text


def test_a_journey_begins_at_its_start() -> None:
    text = refused(FLOW, "grid=leading")
    assert "sampler.grid, start: sampling begins at t = " in text


def test_a_coupling_looks_at_classes_where_a_network_does() -> None:
    text = refused(*OT, "coupling=class_wise")
    assert text.startswith("coupling, denoiser.conditional: ClassWise pairs within each")
    conditional = "denoiser.conditional=true"
    configuration_rules.check(composed(*OT, "coupling=class_wise", conditional))
    (said,) = warned(*OT, conditional)
    assert "use coupling=class_wise" in said


def test_what_belongs_to_the_reverse_step_is_refused() -> None:
    variance = ("loss=hybrid", "denoiser.learned_variance=true")
    text = refused(*OT, *variance)
    assert "Hybrid fits the variance of diffusion's reverse step" in text
    text = refused(*OT, "schedule=learned", "loss=vlb")
    assert "use a schedule that is not learned" in text
    text = refused(*OT, "interpolant=brownian_bridge", "schedule=zero_terminal")
    assert "interpolant, schedule: BrownianBridge divides by alpha" in text


def test_completing_examples_is_diffusions() -> None:
    text = refused(*OT, "guidance=repaint", "sampler=ddim")
    assert "guidance, start, coupling, interpolant: " in text


def test_a_sampler_is_held_against_what_a_checkpoint_was_trained_with() -> None:
    trained = plain(composed(FLOW))
    with pytest.raises(UserError, match="DDIM adds noise"):
        sampling_rules.check(composed("threshold=none"), trained, is_points=True)
    # A checkpoint of before says nothing of pairs, and is one of diffusion.
    before = {key: value for key, value in trained.items() if key not in flow_rules.KEYS}
    sampling_rules.check(composed("threshold=none"), before, is_points=True)


def test_a_start_of_another_shape_is_refused_when_it_is_composed() -> None:
    flow = ("likelihood=none", "sampler=heun", "start=data")
    with pytest.raises(
        UserError, match=r"start, data: .*shape \(2,\).*data has \(1, 8, 8\)"
    ):
        composition.compose(ROOT, [*flow, "start.of=rings"])
    composition.compose(ROOT, [*flow, "start.of=digits", "start.of.split_seed=1"])


def test_a_start_is_named_by_a_file_of_data() -> None:
    config = composed(FLOW, "start.of=rings")
    assert config.start.of._target_ == "snowmelt.data.Rings"
    with pytest.raises(UserError, match=r"start.of: unknown data 'rinsg' \(did you mean"):
        composed(FLOW, "start.of=rinsg")
    with pytest.raises(UserError, match=r"start.of"):
        composed(FLOW, "start.of={_target_: snowmelt.data.Rings, name: one}")


def test_pairs_of_the_data_have_two_halves() -> None:
    text = refused("coupling=paired")
    assert text.startswith("coupling, start: Paired takes the pairs that the data comes")
    configuration_rules.check(composed(FLOW, "coupling=paired"), (2,))


BRIDGE = (FLOW, "interpolant=brownian_bridge", "denoiser.with_score=true")


def test_a_bridge_is_walked_by_the_one_sampler_that_knows_how() -> None:
    configuration_rules.check(composed(*BRIDGE), (2,))
    configuration_rules.check(composed(*BRIDGE, "sampler=euler_maruyama"), (2,))
    text = refused(*BRIDGE, "sampler=ddpm")
    assert "use a deterministic one" in text
    assert text.endswith("or sampler=euler_maruyama, which walks along the bridge")
    text = refused(FLOW, "interpolant=brownian_bridge", "sampler=euler_maruyama")
    assert "train with denoiser.with_score=true" in text


def test_guidance_is_of_the_flow_alone() -> None:
    guided = (*BRIDGE, "denoiser.conditional=true", "guidance=classifier_free")
    configuration_rules.check(composed(*guided, "coupling=class_wise"), (2,))
    text = refused(*guided, "coupling=class_wise", "sampler=euler_maruyama")
    assert "guidance, sampler: ClassifierFreeGuidance guides the flow" in text


def test_a_score_needs_noise_on_the_way_and_the_plain_loss() -> None:
    text = refused(FLOW, "denoiser.with_score=true")
    assert text.startswith("denoiser.with_score, interpolant: Straight has no noise")
    assert "use loss=simple" in refused(*BRIDGE, "loss=min_snr")
    assert "set denoiser.self_conditioned=false" in refused(
        *BRIDGE, "denoiser.self_conditioned=true"
    )
