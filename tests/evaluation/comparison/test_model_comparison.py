"""Models compared pair by pair, by numbers whose answers are known."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from snowmelt.common.errors import UserError
from snowmelt.evaluation.catalogue import METRICS
from snowmelt.evaluation.comparison import Measured, compare_models, model_table
from snowmelt.evaluation.comparison.compared_models import Known
from snowmelt.evaluation.comparison.differences import Difference
from snowmelt.evaluation.comparison.model_table import model_csv, model_dict

PROTOCOL = {
    "data": "digits",
    "n": 359,
    "extractor": "classifier",
    "extractor_digest": "e",
    "sampler": {"_target_": "snowmelt.samplers.DDIM", "steps": 50, "eta": 0.0},
    "steps": 50,
    "weights": "ema",
    "checkpoint": "c",
    "checkpoint_step": 10,
    "sample_seed": 0,
}


def run(
    name: str = "one", protocol: dict[str, Any] | None = None, **metrics: Any
) -> Measured:
    numbers = {"frechet_distance": 1.0, "frechet_distance_spread": 0.3}
    return Measured(name, numbers | metrics | {"protocol": PROTOCOL | (protocol or {})})


def other(name: str = "two", seed: int = 0, **metrics: Any) -> Measured:
    return run(name, {"checkpoint": "d", "sample_seed": seed}, **metrics)


def test_a_difference_that_shows() -> None:
    found = compare_models(
        [run(), other(frechet_distance=2.5, frechet_distance_spread=0.4)]
    )
    (difference,) = found.pairs[0].differences
    assert difference.value == 1.5
    assert difference.error == pytest.approx(0.5)
    assert difference.interval == pytest.approx((1.5 - 0.98, 1.5 + 0.98), abs=1e-3)
    assert difference.is_better is False
    assert found.sentences[0] == (
        "one is better than two: Frechet distance (classifier) differs by 1.50 (95 %"
        " interval 0.520 to 2.48)."
    )
    assert "each of one training" in found.sentences[1]


def test_indistinguishable_says_what_would_have_shown() -> None:
    found = compare_models(
        [run(), other(frechet_distance=1.2, frechet_distance_spread=0.4)]
    )
    (difference,) = found.pairs[0].differences
    assert not difference.is_apart
    assert difference.is_better is None
    assert difference.smallest == pytest.approx((1.959964 + 0.841621) * 0.5, rel=1e-5)
    assert "indistinguishable" in found.sentences[0]
    assert "one of 1.40 would have shown four times out of five" in found.sentences[0]
    assert "indistinguishable: 1.40 would have shown" in model_table(found)


def test_the_promised_power_and_coverage() -> None:
    # Two models that differ by exactly the smallest difference that would have shown.
    metric, errors = METRICS["frechet_distance"], (0.3, 0.4)
    true = Difference(metric, Known(0.0, errors[0]), Known(0.0, errors[1])).smallest
    assert true is not None
    random = np.random.default_rng(0)
    draws = random.normal((0.0, true), errors, (4000, 2))
    found = [Difference(metric, Known(a, errors[0]), Known(b, errors[1])) for a, b in draws]
    assert np.mean([d.is_apart for d in found]) == pytest.approx(0.80, abs=0.02)
    covered = [d.interval[0] <= true <= d.interval[1] for d in found if d.interval]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)


def test_without_an_error_nothing_is_said() -> None:
    found = compare_models([run(), other(frechet_distance_spread=None)])
    (difference,) = found.pairs[0].differences
    assert (difference.error, difference.interval, difference.smallest) == (None,) * 3
    assert not difference.is_apart
    assert "nothing can be said" in found.sentences[0]
    # No scatter at all is no certainty.
    shares = {"confident_share": 1.0, "confident_share_spread": 0.0}
    certain = compare_models([run(**shares), other(**shares)]).pairs[0]
    share = certain.of("confident_share")
    assert share is not None
    assert share.error is None


def test_higher_is_better_only_where_it_is() -> None:
    given = {"mode_coverage": 0.5, "mode_coverage_spread": 0.01, "near_share": 0.5}
    given["near_share_spread"] = 0.01
    found = compare_models([run(**given), other(**given | {"mode_coverage": 0.9})])
    coverage = found.pairs[0].of("mode_coverage")
    assert coverage is not None
    assert coverage.is_better is True
    copied = compare_models([run(**given), other(**given | {"near_share": 0.9})])
    near = copied.pairs[0].of("near_share")
    assert near is not None
    assert near.is_apart
    assert near.is_better is None
    assert "apart; no direction is better" in model_table(copied)


def test_a_number_of_the_reference_is_no_metric_of_a_model() -> None:
    found = compare_models([run(judge_accuracy=0.9), other(judge_accuracy=0.9)])
    assert [metric.key for metric in found.metrics] == ["frechet_distance"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 1000}, r"n \(359 and 1000\); evaluate both in the same way"),
        ({"extractor_digest": "f"}, r"extractor_digest \(e and f\)"),
        ({"data": "dogs"}, r"data \(digits and dogs\)"),
        (
            {"sampler": PROTOCOL["sampler"] | {"eta": 1.0}},  # type: ignore[operator]
            r"sampler\.eta \(0\.0 and 1\.0\); if that .* across=sampler",
        ),
        ({"weights": "raw"}, r"weights \(ema and raw\); if that .* across=weights"),
        ({"new": 1}, r"new \(nothing and 1\)"),
    ],
)
def test_other_protocols_are_refused_by_field(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=f"one and two .*they differ in {said}"):
        compare_models([run(), run("two", {"checkpoint": "d", **changes})])


def test_samplers_of_one_model_are_compared_if_asked() -> None:
    slow = {"sampler": PROTOCOL["sampler"] | {"eta": 1.0}, "steps": 50}  # type: ignore[operator]
    found = compare_models([run(), run("two", slow, frechet_distance=9.0)], ("sampler",))
    assert found.sentences[0].startswith("one is better than two")
    assert found.sentences[1] == "It is one model: what differs is how it was sampled."
    with pytest.raises(UserError, match="across=n: may be sampler, weights, guidance"):
        compare_models([run(), other()], ("n",))


def of_flow(
    name: str, value: float, protocol: dict[str, Any] | None = None, **said: Any
) -> Measured:
    """A flow whose carried points were measured, by eight sets."""
    transport = {"n": 500, "sets": 8, "seed": 0, "samples_digest": name} | said
    numbers = {
        "transport_wasserstein_2": value,
        "transport_wasserstein_2_spread": 0.03,
        "transport_wasserstein_2_freedom": 7,
    }
    return run(name, protocol, **numbers, transport=transport)


def test_flows_are_compared_by_what_they_carry() -> None:
    both = [of_flow("one", 0.2), of_flow("two", 0.5, {"checkpoint": "d"})]
    found = compare_models(both)
    assert found.left_out == {}
    difference = found.pairs[0].of("transport_wasserstein_2")
    assert difference is not None
    assert difference.value == pytest.approx(0.3)
    assert difference.freedom == pytest.approx(14)
    assert difference.is_better is False
    # By other sets it is another number.
    other_sets = of_flow("two", 0.5, {"checkpoint": "d"}, n=250)
    said = compare_models([both[0], other_sets]).left_out
    assert list(said.values()) == ["measured with different n (500 and 250)"]
    untold = run("two", {"checkpoint": "d"}, transport_wasserstein_2=0.5)
    said = compare_models([both[0], untold]).left_out
    assert list(said.values()) == ["it is not said how it was measured"]


def test_flows_of_other_couplings_compare_but_by_what_follows_from_the_coupling() -> None:
    said = {
        "one": {"coupling": {"_target_": "Independent"}, "pairs": "any two"},
        "two": {"coupling": {"_target_": "OptimalTransport"}, "left_out": ["some"]},
    }
    both = [of_flow(name, 0.2, {"checkpoint": name}, **how) for name, how in said.items()]
    for one in both:
        assert isinstance(one.metrics, dict)
        one.metrics["transport_marginals"] = 1.0
    found = compare_models(both)
    assert found.pairs[0].of("transport_wasserstein_2") is not None
    assert found.pairs[0].of("transport_marginals") is None
    (reason,) = found.left_out.values()
    assert reason.startswith("measured with different coupling._target_ (Independent and")


def test_what_flows_carry_is_pooled_over_sampling_seeds() -> None:
    seeds = [
        of_flow(f"s{seed}", 0.2 + 0.1 * seed, {"checkpoint": "d", "sample_seed": seed})
        for seed in range(3)
    ]
    found = compare_models([of_flow("one", 0.1), *seeds])
    difference = found.pairs[0].of("transport_wasserstein_2")
    assert difference is not None
    assert difference.two.value == pytest.approx(0.3)
    assert difference.two.error == pytest.approx(0.03 / math.sqrt(3))
    assert difference.two.freedom == 21


def test_sampling_seeds_are_pooled_and_called_so() -> None:
    seeds = [other(f"s{seed}", seed, frechet_distance=1.0 + seed) for seed in range(4)]
    found = compare_models([run(), *seeds])
    assert [len(model.runs) for model in found.models] == [1, 4]
    (difference,) = found.pairs[0].differences
    assert difference.two.value == 2.5
    assert difference.two.error == pytest.approx(0.15)
    assert "not trainings" in " ".join(found.sentences)
    assert "s0 (4 sampling seeds)" in model_table(found)


def test_without_errors_the_scatter_of_the_seeds_is_one() -> None:
    values = (1.0, 1.4, 1.2)
    seeds = [
        other(f"s{seed}", seed, frechet_distance=value, frechet_distance_spread=None)
        for seed, value in enumerate(values)
    ]
    found = compare_models([run(frechet_distance_spread=1e-9), *seeds])
    (difference,) = found.pairs[0].differences
    error = np.std(values, ddof=1) / math.sqrt(3)
    assert difference.freedom == pytest.approx(2.0)
    low = 0.2 - float(stats.t.ppf(0.975, 2)) * error
    assert difference.interval is not None
    assert difference.interval[0] == pytest.approx(low)


def test_a_likelihood_is_not_pooled_over_sampling_seeds() -> None:
    bound = {"bound_bits_per_dim": 2.9, "bound_bits_per_dim_se": 0.02}
    bound |= {"likelihood": {"bound": {"steps": 1000, "n": 256}}}
    runs = [run(**bound), other("s0", 0, **bound), other("s1", 1, **bound)]
    difference = compare_models(runs).pairs[0].of("bound_bits_per_dim")
    assert difference is not None
    assert difference.two.error == 0.02
    unsaid = compare_models([run(**bound), other(**bound | {"likelihood": {}})])
    assert list(unsaid.left_out.values()) == ["it is not said how it was measured"]
    apart = bound | {"likelihood": {"bound": {"steps": 100, "n": 256}}}
    found = compare_models([run(**bound), other(**apart)])
    assert found.pairs[0].of("bound_bits_per_dim") is None
    assert "steps (1000 and 100)" in model_table(found)


def test_the_same_samples_twice_are_refused() -> None:
    with pytest.raises(UserError, match="one and two hold the same samples of one model"):
        compare_models([run(), run("two")])
    same = {"samples_digest": "s"}
    with pytest.raises(UserError, match="one and two are the same samples"):
        compare_models([run("one", same), run("two", {"checkpoint": "d", **same})])


def test_one_model_alone_is_shown_and_not_compared() -> None:
    found = compare_models([run(), run("two", {"sample_seed": 1}, frechet_distance=2.0)])
    assert not found.pairs
    assert "All 2 are one model under 2 sampling seeds" in found.sentences[0]
    assert "1.50 ± 0.21" in model_table(found)


def test_too_few_and_too_little() -> None:
    with pytest.raises(UserError, match="two runs or more"):
        compare_models([run()])
    with pytest.raises(UserError, match="old does not say how it was measured"):
        Measured("old", {"fid": 1.0})


def test_what_one_side_lacks_is_named() -> None:
    found = compare_models([run(confident_share=0.9), other()])
    assert found.left_out == {
        "recognised by the independent classifier with over 90 % confidence": "two lacks it"
    }


def test_tables_for_machines() -> None:
    found = compare_models([run(), other(frechet_distance=9.0), other("three", 1)])
    said = json.loads(json.dumps(model_dict(found)))
    assert said["main_metric"] == "frechet_distance"
    assert said["models"][1]["sampling_seeds"] == [0, 1]
    assert said["differences"][0]["better"] == "one"
    lines = model_csv(found).splitlines()
    assert lines[0].startswith("one,two,metric,one_value,one_error")
    assert len(lines) == 2


def paired(
    name: str, values: list[float], key: str = "bound_bits_per_dim", seed: int = 0
) -> Measured:
    protocol = PROTOCOL | {"checkpoint": name, "sample_seed": seed}
    numbers = {
        key: float(np.mean(values)),
        f"{key}_se": 1.0,
        f"{key}_spread": 1.0,
        "protocol": protocol,
        "likelihood": {"bound": {"steps": 10}},
    }
    return Measured(name, numbers, {key: np.array(values)})


def test_the_same_examples_are_compared_in_pairs() -> None:
    one = [3.0, 5.0, 1.0, 4.0]
    two = [3.5, 5.4, 1.6, 4.5]
    (difference,) = (
        compare_models([paired("a", one), paired("b", two)]).pairs[0].differences
    )
    error = np.std([0.5, 0.4, 0.6, 0.5], ddof=1) / 2
    assert difference.error == pytest.approx(error)
    assert difference.is_better is False
    assert "+0.500 *" in model_table(compare_models([paired("a", one), paired("b", two)]))


@pytest.mark.parametrize("why", ["other count", "other seed", "other numbers", "pooled"])
def test_no_pairs_where_they_would_mean_nothing(why: str) -> None:
    key, values = "confident_share", [1.0, 0.0, 1.0, 1.0]
    one, two = paired("a", values, key), paired("b", values, key)
    assert compare_models([one, two]).pairs[0].differences[0].paired == 0.0
    more = []
    if why == "other count":
        two = paired("b", values * 2, key)
    elif why == "other seed":
        two = paired("b", values, key, seed=1)
    elif why == "other numbers":
        two = Measured("b", two.metrics, {key: np.zeros(4)})
    else:
        more = [paired("b", values, key, seed=1)]
    (difference,) = compare_models([one, two, *more]).pairs[0].differences
    assert difference.paired is None
    assert difference.error == pytest.approx(
        math.hypot(1.0, 1.0 / len([two, *more]) ** 0.5)
    )
