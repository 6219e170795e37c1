from __future__ import annotations

from typing import Any

from snowmelt.evaluation.protocol_sentence import protocol_sentence

PROTOCOL: dict[str, Any] = {
    "data": "digits",
    "data_digest": "3605e03afbdca628",
    "reference_split": "training",
    "reference_count": 1438,
    "floor_split": "held-out",
    "n": 193,
    "subsets": 200,
    "evaluation_seed": 0,
    "extractor": "classifier",
    "extractor_digest": "fe65190472cee0e4",
    "resize": "none",
    "quantiser": "rounded to the nearest of 17 levels",
    "sampler": {
        "_target_": "snowmelt.samplers.DDIM",
        "eta": 1.0,
        "grid": {"_target_": "snowmelt.grids.Trailing"},
        "steps": 100,
    },
    "steps": 100,
    "guidance": {"_target_": "snowmelt.guidance.Unguided"},
    "weights": "ema",
    "num_samples": 1000,
    "sample_seed": 0,
    "checkpoint_step": 2400,
}


def test_one_sentence_says_how_it_was_measured() -> None:
    assert protocol_sentence({"protocol": PROTOCOL}) == (
        "1,000 samples of the averaged weights at step 2,400, drawn by DDIM (eta=1.0, grid"
        " Trailing) in 100 steps with seed 0 and rounded to the nearest of 17 levels, were"
        " compared by the features of classifier (fe65190472ce), with the 1,438 training"
        " examples of digits (3605e03afbdc), 193 at a time in 200 draws; the floor is of"
        " held-out examples, drawn alike; resize: none; seed of the evaluation: 0."
    )


def test_guidance_is_named() -> None:
    guided = {"_target_": "snowmelt.guidance.ClassifierFreeGuidance"}
    said = protocol_sentence({"protocol": PROTOCOL | {"guidance": guided}})
    assert "in 100 steps under ClassifierFreeGuidance with seed 0" in said


def test_where_samplers_are_compared_none_is_named() -> None:
    said = protocol_sentence({"protocol": PROTOCOL}, drawn="drawn by each sampler")
    assert "drawn by each sampler with seed 0" in said
    assert "DDIM" not in said
    assert "100 steps" not in said


def test_what_the_protocol_lacks_is_left_out() -> None:
    assert protocol_sentence({}) == ""
    assert protocol_sentence({"protocol": {"extractor": "classifier"}}) == ""
    bare = {"sampler": {"_target_": "snowmelt.samplers.DDPM"}}
    assert protocol_sentence({"protocol": bare}) == (
        "Samples of the averaged weights, drawn by DDPM."
    )
