"""Names of earlier versions still lead to what they meant."""

from __future__ import annotations

import pytest

from snowmelt.common import public_names
from snowmelt.diffusion.time_sampling import Importance
from snowmelt.evaluation.features import IndependentClassifier
from snowmelt.sampling.samplers import DDIM


def test_a_class_is_found_under_the_module_of_before() -> None:
    assert public_names.find("snowmelt.times.importance.Importance") is Importance
    assert public_names.find("snowmelt.time_sampling.Importance") is Importance


@pytest.mark.parametrize("place", ["samplers", "samplers.gaussian"])
def test_a_class_is_found_under_its_name_of_before(place: str) -> None:
    assert public_names.find(f"snowmelt.{place}.Gaussian") is DDIM
    judge = f"snowmelt.{place.replace('samplers', 'features').replace('gaussian', 'judge')}"
    assert public_names.find(f"{judge}.Judge") is IndependentClassifier


@pytest.mark.parametrize(
    ("key", "current"),
    [
        ("times", "time_sampling"),
        ("times.steps", "time_sampling.steps"),
        ("denoiser.label_dropout", "denoiser.p_uncond"),
        ("features.judge.steps", "features.independent_classifier.steps"),
        ("denoiser.conditional", "denoiser.conditional"),
        ("timestamps", "timestamps"),
        ("net.times", "net.times"),
    ],
)
def test_a_key_of_before_has_a_name_today(key: str, current: str) -> None:
    assert public_names.current_key(key) == current


def test_a_configuration_of_before_is_put_under_todays_keys() -> None:
    old = {"times": {"steps": 3}, "denoiser": {"label_dropout": 0.1}, "seed": 0}
    new = {"time_sampling": {"steps": 3}, "denoiser": {"p_uncond": 0.1}, "seed": 0}
    assert public_names.with_current_keys(old) == new
    assert public_names.with_current_keys(new) == new
    dotted = {"times.steps": 3, "schedule.steps": 4}
    assert public_names.with_current_keys(dotted) == {
        "time_sampling.steps": 3,
        "schedule.steps": 4,
    }


def test_an_override_of_before_is_taken_with_a_note(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert public_names.current_override("seed=1") == "seed=1"
    assert capsys.readouterr().err == ""
    current = public_names.current_override("times.steps=3,5")
    assert current == "time_sampling.steps=3,5"
    note = "snowmelt: the key 'times.steps' is now called 'time_sampling.steps'\n"
    assert capsys.readouterr().err == note
