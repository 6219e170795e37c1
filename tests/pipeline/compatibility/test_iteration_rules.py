"""What flows need to learn from each other, and what is refused before any is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.project import ROOT, last_of_each

from snowmelt.common.errors import UserError
from snowmelt.pipeline.compatibility import configuration_rules, iteration_rules
from snowmelt.pipeline.config import composition

FLOW = "experiment=moons_to_eight"
DSBM, REFLOW = (FLOW, "iteration=dsbm"), (FLOW, "iteration=reflow")
NOISE = ("experiment=points", "data=two_moons", "start=normal")
OTHERS = "start.of={_target_: snowmelt.data.Digits, name: others, split_seed: 1}"
IMAGES = ("start=data", OTHERS)
DEGRADED = "start=degraded"


def composed(*overrides: str) -> Any:
    return composition.compose(ROOT, last_of_each(overrides), is_checked=False)


@pytest.mark.parametrize("method", ["dsbm", "reflow"])
@pytest.mark.parametrize("data", [(FLOW,), IMAGES], ids=["points", "images"])
def test_both_methods_go_with_points_and_with_images(
    data: tuple[str, ...], method: str
) -> None:
    config = composed(*data, f"iteration={method}")
    iteration_rules.check(config, ROOT)
    configuration_rules.check(config, (2,) if data == (FLOW,) else (1, 8, 8))


def test_the_first_pairs_are_chosen_freely() -> None:
    for coupling in ("optimal_transport", "sinkhorn", "independent"):
        config = composed(*DSBM, f"coupling={coupling}")
        iteration_rules.check(config, ROOT)
        assert composed(*REFLOW).coupling._target_.endswith("Independent")


@pytest.mark.parametrize("data", ["digits", "two_moons"])
def test_reflow_may_begin_with_noise(data: str) -> None:
    points = NOISE if data == "two_moons" else ()
    config = composed(*points, f"data={data}", "iteration=reflow")
    iteration_rules.check(config, ROOT)
    configuration_rules.check(config, (2,) if points else (1, 8, 8))


def test_other_samplers_of_the_flow_serve_reflow() -> None:
    for sampler in ("heun", "dpm_2m"):
        iteration_rules.check(composed(*REFLOW, f"sampler={sampler}"), ROOT)


@pytest.mark.parametrize(
    ("overrides", "keys", "said"),
    [
        ((*NOISE, "iteration=dsbm"), "start: ", "or iteration=reflow"),
        ((*DSBM, "process=variance_preserving"), "process: ", "along curves"),
        ((*DSBM, "interpolant=constant"), "interpolant, iterate.alternates: ", "Brownian"),
        (
            (*DSBM, "denoiser.with_score=false"),
            "denoiser.with_score, iterate.alternates: ",
            "has to know a score",
        ),
        ((*DSBM, "sampler=heun"), "sampler, iterate.alternates: ", "Heun does not walk"),
        (
            (*DSBM, "sampler.eta=0.5"),
            "sampler, iterate.alternates: ",
            "EulerMaruyama with eta=0.5 does not walk along the bridge with all its noise",
        ),
        (
            (*REFLOW, "interpolant=brownian_bridge"),
            "interpolant, iterate.alternates: ",
            "bends what reflow makes straight",
        ),
        ((*REFLOW, "sampler=ddpm"), "sampler, iterate.alternates: ", "adds noise"),
        (
            ("start=data", "start.of=digits", "iteration=reflow"),
            "data, start: ",
            "the same examples",
        ),
        (
            ("experiment=digits_to_digits", "start.of.classes=[8]", "iteration=dsbm"),
            "data, start: ",
            "the same examples",
        ),
        ((DEGRADED, "iteration=reflow"), "start: ", "coupling=paired, or use start=data"),
        (
            (DEGRADED, "coupling=paired", "iteration=dsbm"),
            "start: ",
            "has its partner already",
        ),
        ((*REFLOW, "denoiser.conditional=true"), "denoiser.conditional: ", "no class"),
        ((*REFLOW, "training.flip=true"), "training.flip: ", "set it to false"),
        ((*REFLOW, "paths.model=/elsewhere"), "paths.model: ", "leave it out"),
        ((*REFLOW, "sample.checkpoint=a.ckpt"), "sample.checkpoint: ", "leave it out"),
    ],
)
def test_what_cannot_learn_from_itself_is_one_line(
    overrides: tuple[str, ...], keys: str, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        iteration_rules.check(composed(*overrides), ROOT)
    text = str(caught.value)
    assert text.startswith(keys)
    assert said in text
    assert "\n" not in text


def test_a_method_has_to_be_chosen() -> None:
    with pytest.raises(UserError, match="choose a method: iteration=dsbm"):
        iteration_rules.check(composed(FLOW), ROOT)


@pytest.mark.parametrize("count", ["0", "-1", "1.5"])
def test_fewer_than_one_iteration_is_refused(count: str) -> None:
    with pytest.raises(UserError, match=r"iterate.count must be a positive integer"):
        composed(*DSBM, f"iterate.count={count}")


def test_mirrored_examples_are_no_halves_of_pairs() -> None:
    paired = (*IMAGES, "coupling=paired", "likelihood=none", "sampler=heun")
    configuration_rules.check(composed(*paired), (1, 8, 8))
    with pytest.raises(UserError, match="mirrors the data and not its start"):
        configuration_rules.check(composed(*paired, "training.flip=true"), (1, 8, 8))


def test_places_below_the_folder_that_was_named_are_its_own(tmp_path: Path) -> None:
    out = f"paths.root={tmp_path}"
    iteration_rules.check(composed(*REFLOW, out), ROOT)
    inside = f"paths.model={tmp_path / 'models'}"
    iteration_rules.check(composed(*REFLOW, out, inside), ROOT)
