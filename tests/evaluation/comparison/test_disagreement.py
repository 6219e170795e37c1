"""Two measures that say different things are never told as one."""

from __future__ import annotations

import json
from typing import Any

from snowmelt.evaluation.comparison import (
    Job,
    Measured,
    compare,
    compare_models,
    comparison_table,
)
from snowmelt.evaluation.comparison.comparison_table import comparison_dict
from snowmelt.evaluation.comparison.disagreement import WHY, disagreement


def job(schedule: str, seed: int, distance: float, bits: float, **how: Any) -> Job:
    return Job(
        f"{schedule}-{seed}",
        {"schedule": schedule, "seed": seed},
        metrics={
            "frechet_distance": distance,
            "bound_bits_per_dim": bits,
            "bound_bits_per_dim_se": 0.02,
            "protocol": {"extractor": "classifier", "checkpoint": f"{schedule}-{seed}"},
            "likelihood": {"bound": {"n": 256, "first_time": 0.01 * bits, **how}},
        },
        protocol="p",
    )


def jobs(**changes: Any) -> list[Job]:
    """Cosine and sigmoid are alike by distance, far apart by bits/dim; linear is worse."""
    distances = {
        "cosine": (3.0, 3.2, 3.4),
        "sigmoid": (3.1, 3.2, 3.6),
        "linear": (6.0, 6.2, 6.6),
    }
    bits = {"cosine": 3.29, "sigmoid": 2.59, "linear": 2.84}
    return [
        job(name, seed, value, bits[name] + 0.01 * seed + 0.003 * (seed == 1), **changes)
        for name, values in distances.items()
        for seed, value in enumerate(values)
    ]


def test_each_measure_has_its_own_order_and_verdict() -> None:
    found = compare(jobs())
    assert [group.label for group in found.groups] == ["cosine", "sigmoid", "linear"]
    (bits,) = found.others
    assert bits.label == "bits/dim (bound)"
    assert [group.label for group in bits.groups] == ["sigmoid", "linear", "cosine"]
    assert [group.rank for group in bits.groups] == [1, 2, 3]
    assert bits.groups[0].verdict == "lowest"
    assert bits.groups[2].verdict.startswith("worse than sigmoid by 0.700 (")


def flow(coupling: str, seed: int, energy: float, **how: Any) -> Job:
    said = {"n": 500, "coupling": {"_target_": coupling}, "pairs": f"by {coupling}", **how}
    metrics = {
        "frechet_distance": 1.0
        + 0.1 * seed
        + 0.02 * (coupling == "independent") * (-1) ** seed,
        "transport_path_energy": energy + 0.01 * seed,
        "transport_path_energy_spread": 0.02,
        "protocol": {"extractor": "coordinates", "checkpoint": f"{coupling}-{seed}"},
        "transport": said,
    }
    setting = {"coupling": coupling, "seed": seed}
    return Job(f"{coupling}-{seed}", setting, metrics=metrics, protocol="p")


def test_couplings_of_flows_are_compared_by_their_paths() -> None:
    """Which coupling was trained is what is asked, not how it was measured."""
    energies = {"independent": 0.9, "optimal_transport": 0.1}
    asked = [(name, seed, value) for name, value in energies.items() for seed in range(3)]
    found = compare([flow(*one) for one in asked])
    (paths,) = found.others
    assert [group.label for group in paths.groups] == ["optimal_transport", "independent"]
    assert paths.groups[1].verdict.startswith("8.30 times optimal_transport")
    assert "better than independent by path energy, not told apart" in found.disagreement
    assert found.disagreement.endswith(
        "about the way of the samples, not about where they end."
    )
    # By other numbers of points it is another measure.
    other = [flow(*one, n=500 + (one[0] == "independent")) for one in asked]
    assert not compare(other).others


def test_the_sentence_tells_contradiction_from_silence() -> None:
    said = compare(jobs()).disagreement
    assert said == (
        "The measures differ:"
        " cosine is better than linear by Frechet distance (classifier), worse by bits/dim"
        " (bound);"
        " sigmoid is better than cosine by bits/dim (bound), not told apart by Frechet"
        f" distance (classifier). {WHY}"
    )


def test_the_table_shows_values_and_verdicts_of_each_measure() -> None:
    text = comparison_table(compare(jobs()))
    head = text.splitlines()[0]
    assert "bits/dim (bound)" in head
    assert "3.301 ± 0.010" in text.splitlines()[2], "no number without its spread"
    blocks = [block.splitlines() for block in text.split("\n\n")]
    own = next(block for block in blocks[1:] if "bits/dim (bound)" in block[0])
    assert own[0].split()[:2] == ["rank", "schedule"]
    assert [line.split()[1] for line in own[2:]] == ["sigmoid", "linear", "cosine"]
    assert text.splitlines()[-1].startswith("The measures differ: ")
    assert "By bits/dim (bound): Sigmoid is better than linear and cosine" in text
    plain = json.loads(json.dumps(comparison_dict(compare(jobs()))))
    assert plain["other_measures"][0]["groups"][0]["label"] == "sigmoid"
    assert plain["disagreement"].startswith("The measures differ")


def test_measures_that_agree_say_nothing_more() -> None:
    alike = [job("a", n, 3.0 + 0.01 * n, 2.0 + 0.01 * n) for n in range(3)]
    alike += [job("b", n, 6.0 + 0.01 * n, 4.0 + 0.01 * n) for n in range(3)]
    found = compare(alike)
    assert len(found.others) == 1
    assert found.disagreement == ""
    assert "differ" not in comparison_table(found)


def test_a_measure_that_was_taken_in_two_ways_gives_no_verdict() -> None:
    found = compare([*jobs()[:3], *jobs(n=512)[3:]])
    assert not found.problem
    assert found.others == []
    assert found.disagreement == ""


def test_a_failed_job_takes_no_measure_from_the_others() -> None:
    failed = Job("x", {"schedule": "karras", "seed": 0}, "failed", "no")
    assert len(compare([*jobs(), failed]).others) == 1


def test_where_the_schedule_has_the_noise_is_no_way_of_measuring() -> None:
    """Bits/dim of two schedules were not compared, since their first times differ."""
    one, two = (
        Measured(found.name, found.metrics or {}) for found in (jobs()[0], jobs()[3])
    )
    compared = compare_models([one, two])
    assert "bound_bits_per_dim" in [metric.key for metric in compared.metrics]


def test_models_are_told_apart_by_each_measure() -> None:
    def run(name: str, distance: float, bits: float) -> Measured:
        metrics = dict(job(name, 0, distance, bits).metrics or {})
        metrics |= {"frechet_distance_spread": 0.1}
        metrics["protocol"] = {"extractor": "classifier", "checkpoint": name}
        return Measured(name, metrics)

    said = compare_models([run("one", 1.0, 3.0), run("two", 2.0, 2.5)]).sentences
    assert (
        "The measures differ: one is better than two by Frechet distance (classifier),"
        f" worse by bits/dim (bound). {WHY}"
    ) in said
    same = compare_models([run("one", 1.0, 2.5), run("two", 2.0, 3.0)]).sentences
    assert not any("differ:" in text for text in same)


def test_three_measures_in_one_sentence() -> None:
    said = disagreement({"m": [("a", "b")], "n": [("b", "a")], "o": []})
    assert said.startswith(
        "The measures differ: a is better than b by m, worse by n, not told apart by o."
    )
    assert disagreement({"m": [("a", "b")], "n": [("a", "b")]}) == ""
    assert disagreement({"m": [], "n": []}) == ""
