"""What is said of a likelihood, and of whose."""

from __future__ import annotations

import pytest

from snowmelt.viz.report.likelihood_section import likelihoods

METRICS = {"bound_bits_per_dim": 1.0, "ode_bits_per_dim": 0.9}


@pytest.mark.parametrize(("labels", "is_said"), [("none", False), ("given", True)])
def test_a_model_that_was_told_the_class_says_so(labels: str, is_said: bool) -> None:
    how = {"labels": labels, "steps": 4, "steps_computed": 3}
    found = likelihoods(METRICS | {"likelihood": {"bound": how, "ode": how}})
    assert len(found) == 2
    for line in found:
        assert ("whose class is told" in line.note) == is_said


def test_the_bound_says_what_it_is_made_of_and_what_the_variance_does() -> None:
    how = {"steps": 1000, "steps_computed": 999, "variance": "Analytic"}
    terms = {
        "bound_prior_bits_per_dim": 0.001,
        "bound_steps_bits_per_dim": 0.95,
        "bound_decoder_bits_per_dim": 0.049,
        "bound_small_bits_per_dim": 1.3,
    }
    (line,) = likelihoods(METRICS | terms | {"likelihood": {"bound": how}})
    assert (
        "of a chain of its own, not of the sampler: prior 0.00100, steps 0.95" in line.note
    )
    assert line.note.endswith("with the posterior's variance it would be 1.30")
    small = {"bound": how | {"variance": "FixedSmall"}}
    (line,) = likelihoods(METRICS | terms | {"likelihood": small})
    assert "would be" not in line.note
