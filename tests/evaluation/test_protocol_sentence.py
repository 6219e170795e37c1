from __future__ import annotations

from typing import Any

from snowmelt.evaluation.protocol_sentence import likelihood_sentence, protocol_sentence

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


def test_guidance_is_named_with_its_scale() -> None:
    guided = {
        "_target_": "snowmelt.guidance.ClassifierFreeGuidance",
        "labels": [*range(10)],
        "scale": 1.5,
        "interval": None,
    }
    said = protocol_sentence({"protocol": PROTOCOL | {"guidance": guided}})
    assert "in 100 steps under ClassifierFreeGuidance (scale=1.5) with seed 0" in said


def test_the_digest_of_the_protocol_names_all_the_rest() -> None:
    said = protocol_sentence({"protocol": PROTOCOL | {"digest": "5da2c255d69d6786ff94"}})
    assert said.endswith("; digest of the protocol: 5da2c255d69d.")


def test_of_several_runs_seeds_and_steps_are_told_and_what_differs_is_not() -> None:
    several = [
        {"protocol": PROTOCOL | {"sample_seed": seed, "checkpoint_step": 600 * seed}}
        for seed in (3, 1, 2)
    ]
    said = protocol_sentence(*several)
    assert said.startswith(
        "1,000 samples of the averaged weights at steps 600, 1,200 and 1,800, drawn by DDIM"
    )
    assert "with seeds 1, 2 and 3 and rounded" in said
    other = {"protocol": PROTOCOL | {"weights": "raw", "sampler": {"_target_": "a.Euler"}}}
    said = protocol_sentence(several[0], other)
    assert "DDIM" not in said
    assert "averaged" not in said
    assert "drawn by the sampler of each with seeds 0 and 3" in said
    assert protocol_sentence(several[0], {}) == ""
    many = [{"protocol": PROTOCOL | {"sample_seed": seed}} for seed in range(9)]
    assert "with seeds 0 to 8 and" in protocol_sentence(*many)


def test_a_likelihood_is_told_by_its_model_and_its_examples() -> None:
    measured = {
        "likelihood": {
            "bound": {"steps": 1000, "variance": "Analytic", "n": 256, "labels": "given"},
            "ode": {"solver": "Runge-Kutta of order 4, equal steps", "steps": 16, "n": 64},
            "denoising": {"log_snr": [-8, 0, 8], "n": 256, "split": "held-out"},
        }
    }
    assert likelihood_sentence(measured) == (
        "The bound is of a chain of 1,000 steps with the variance Analytic, on 256 held-out"
        " examples, whose classes were told; the flow is the probability-flow equation by"
        " Runge-Kutta of order 4 in 16 steps, on 64 held-out examples; the denoising error"
        " is the mean over 3 log-SNRs from -8 to 8, on 256 held-out examples."
    )
    assert likelihood_sentence({}) == ""
    assert likelihood_sentence(measured, {"likelihood": {}}) == ""
    other = {"likelihood": {"bound": measured["likelihood"]["bound"] | {"steps": 100}}}
    assert likelihood_sentence(measured, other) == "", "measured in two ways"


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
