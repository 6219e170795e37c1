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
