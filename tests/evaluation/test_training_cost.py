"""The line on cost says what is known, and nothing that is not."""

from __future__ import annotations

from dataclasses import replace

from snowmelt.evaluation.training_cost import Compute, added_up
from snowmelt.viz.paper.citation import bibtex

WHOLE = Compute(
    machine="2 x NVIDIA H100",
    seconds=185.0,
    weights=305_217,
    steps=2400,
    batch_size=64,
    sampling_seconds=12.0,
    samples=1000,
    versions=(("snowmelt", "0.1.0"), ("torch", "2.7.1"), ("Python", "3.11.2")),
    commit="0123456789abcdef",
)


def test_the_whole_line():
    assert WHOLE.examples_seen == 153_600
    assert WHOLE.line == (
        "Trained on 2 x NVIDIA H100 in 3 min 5 s: 305,217 weights, 2,400 steps of 64"
        " examples, 153,600 examples seen. 1,000 samples took 12 s. Made with snowmelt"
        " 0.1.0, torch 2.7.1, Python 3.11.2, at commit 0123456789."
    )
    assert "with uncommitted changes" in replace(WHOLE, is_changed=True).line


def test_what_is_not_known_is_left_out():
    assert Compute().line == ""
    assert Compute(weights=10).line == "Trained: 10 weights."
    assert Compute(steps=5, seconds=3.0).line == "Trained in 3.0 s."
    assert Compute(commit="abc").line == "Made at commit abc."


def test_several_trainings_add_up():
    found = added_up([WHOLE, replace(WHOLE, seconds=15.0, is_changed=True)])
    assert found.line.startswith(
        "2 trainings on 2 x NVIDIA H100 in 3 min 20 s altogether: 305,217 weights, 2,400"
        " steps of 64 examples, 153,600 examples seen each."
    )
    assert "uncommitted" in found.line
    other = added_up([WHOLE, replace(WHOLE, machine="a CPU", seconds=None, steps=9)])
    assert other.seconds is None, "a sum without one of them would be too small"
    assert other.machine == ""
    assert other.steps is None
    assert added_up([WHOLE]) == WHOLE


def test_the_citation_names_version_and_commit():
    text = bibtex("abc", "0.1.0")
    assert text.startswith("@misc{snowmelt,")
    assert "note   = {Version 0.1.0, commit abc}," in text
    assert text.count("{") == text.count("}")
    assert "commit" not in bibtex("", "0.1.0", is_changed=True)
    assert "commit abc with uncommitted changes}" in bibtex("abc", is_changed=True)
