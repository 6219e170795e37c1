"""The section on memorisation: what it says of copies, and what it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.viz.report.test_page import material

from snowmelt.evaluation.catalogue.sample_entries import SAMPLE_METRICS
from snowmelt.viz.plots.nearest_pairs import nearest_distances, nearest_pairs
from snowmelt.viz.report.memorisation_section import sentences
from snowmelt.viz.report.page import render
from snowmelt.viz.style import image_bytes


def arrays(count: int = 12) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.integers(0, 17, (count, 1, 8, 8)).astype(np.uint8)
    found: dict[str, np.ndarray] = {}
    for space in ("features", "pixels"):
        found[f"{space}_samples"] = random.random(300).astype(np.float32)
        found[f"{space}_held_out"] = random.random(200).astype(np.float32)
        for end in ("worst", "held_out_worst"):
            found[f"{space}_{end}"] = found[f"{space}_{end}_train"] = images
    return found


def told(**metrics: Any) -> str:
    return " ".join(sentences(material(metrics=metrics)))


def test_copies_are_told_by_the_interval() -> None:
    share = {"memorised_share_real": 0.05}
    said = told(memorised_share=0.15, memorised_share_spread=0.02, **share)
    assert "15.0 % of the samples (95 % interval 11.1 to 18.9 %)" in said
    assert "and 5.0 % of real ones: more than of real data." in said
    said = told(memorised_share=0.06, memorised_share_spread=0.02, **share)
    assert (
        "no sign of copies by this measure; 5.6 % more of them than of real ones would have"
        " shown" in said
    )
    assert "fewer may be there" in said
    assert "fewer than of real data" in told(
        memorised_share=0.001, memorised_share_spread=0.001, **share
    )
    assert told(memorised_share=0.06, **share) == ""


def test_the_error_of_the_real_ones_counts_where_it_is_known() -> None:
    share = {"copied_share": 0.0, "copied_share_spread": 0.001, "copied_share_real": 0.004}
    assert "fewer than of real data" in told(**share)
    said = told(**share, copied_share_real_spread=0.003)
    assert (
        "no sign of copies by this measure; 0.9 % more" in said
    )  # 2.80 times the root of 0.1 + 0.9, / 1000


def test_a_lean_to_training_data_is_told_with_its_size() -> None:
    said = told(nearer_train_share=0.568, nearer_train_share_spread=0.0219)
    assert said == (
        "Nearer to training data than to as much held-out data: 56.8 % of the samples (95 %"
        " interval 52.5 to 61.1 %), where 50 % are due: the samples lean towards what was"
        " trained on, by 2.5 to 11.1 % of them."
    )
    said = told(nearer_train_share=0.45, nearer_train_share_spread=0.02)
    assert "lean towards what was held out, by 1.1 to 8.9 % of them" in said
    said = told(nearer_train_share=0.54, nearer_train_share_spread=0.0219)
    assert (
        "no sign of copies by this measure; 6.1 % more than are due would have shown"
        in said
    )


def test_the_memorisation_rate_is_told_beside_one_half() -> None:
    said = told(near_share=0.526, near_share_spread=0.0247)
    assert "52.6 % of the samples (95 % interval 47.8 to 57.4 %), where 50 %" in said
    assert (
        "no sign of copies by this measure; 6.9 % more than are due would have shown"
        in said
    )
    nearer = told(near_share=0.6, near_share_spread=0.0247)
    assert "nearer to training data than new real ones are, by 5.2 to 14.8 %" in nearer
    farther = told(near_share=0.4, near_share_spread=0.0247)
    assert "farther from training data than new real ones are, by 5.2 to" in farther


def test_every_share_of_memorisation_is_told() -> None:
    shares = [
        metric.key
        for metric in SAMPLE_METRICS
        if metric.is_share and metric.measure.__module__.endswith("memorisation")
    ]
    assert len(shares) == 5
    given = dict.fromkeys(shares, 0.4) | {f"{key}_spread": 0.01 for key in shares}
    given |= {f"{key}_real": 0.1 for key in shares}
    assert len(sentences(material(metrics=given))) == 5


def test_the_page_shows_the_worst_cases() -> None:
    assert "Memorisation" not in render(material())
    shown = arrays()
    pairs = image_bytes(nearest_pairs(shown, (0, 16)))
    page = render(material(truth={"nearest": shown}, pictures={"nearest": pairs}))
    assert "<h2>Memorisation</h2>" in page
    assert "The worst cases" in page
    points = {key: value for key, value in shown.items() if "worst" not in key}
    page = render(material("points", truth={"nearest": points}))
    assert "<h2>Memorisation</h2>" in page
    assert "The worst cases" not in page


def test_the_pictures_have_a_block_for_each_space_and_kind() -> None:
    shown = arrays()
    both = nearest_pairs(shown, (0, 16))
    half = nearest_pairs({k: v for k, v in shown.items() if "pixels" in k}, (0, 16))
    assert both.height == 2 * half.height
    assert len(nearest_distances(shown).axes) == 2
    assert nearest_pairs(arrays(1), (0, 16)).height > 0
