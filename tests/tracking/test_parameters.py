"""The configuration as flat text."""

from __future__ import annotations

from snowmelt.tracking.parameters import (
    MAX_KEY,
    MAX_VALUE,
    below,
    flat,
    of_stage,
    section_of,
    whole,
)


def test_a_tree_becomes_dotted_keys() -> None:
    tree = {
        "net": {"widths": [64, 128], "dropout": 0.0, "extra": {}},
        "name": None,
        "on": True,
        "text": "true",
        "stages": [{"a": 1}, {"a": 2}],
        "empty": [],
    }
    assert flat(tree) == {
        "net.widths": "[64, 128]",
        "net.dropout": "0.0",
        "net.extra": "{}",
        "name": "null",
        "on": "true",
        "text": "true",
        "stages.0.a": "1",
        "stages.1.a": "2",
        "empty": "[]",
    }
    assert flat({}) == {}


def test_long_values_and_odd_keys_fit_into_mlflow() -> None:
    (item,) = flat({"a@b" + "x" * 300: "y" * 7000}).items()
    key, value = item
    assert key.startswith("a_bx")
    assert len(key) == MAX_KEY
    assert len(value) == MAX_VALUE
    assert value.endswith("(7000 characters)")
    assert flat({"k": "y" * MAX_VALUE})["k"] == "y" * MAX_VALUE


def test_passwords_are_hidden() -> None:
    assert flat({"tracking": {"uri": "http://me:secret@host"}}) == {
        "tracking.uri": "http://***@host"
    }


def test_every_parameter_belongs_to_exactly_one_stage() -> None:
    config = {
        "seed": 0,
        "sampler": {"steps": 50},
        "sample": {"seed": 0},
        "evaluation": {"subsets": 10},
        "anything_new": 1,
        "data": {"density": {"share": 0.3}},
        "density": {"share": 0.3},
        "mcmc": {"points": 1000},
        "gallery": {"frames": 51},
    }
    parts = [of_stage(config, stage) for stage in ("train", "sample", "evaluate", "report")]
    assert [sorted(part) for part in parts] == [
        ["seed", "values/anything_new", "values/data.density.share"],
        ["sampler.steps", "values/sample.seed"],
        ["values/evaluation.subsets"],
        [],
    ]


def test_what_people_filter_by_has_a_short_name_and_comes_first() -> None:
    config = {
        "schedule": {"_target_": "snowmelt.schedules.Cosine", "log_snr_max": 10.0},
        "training": {"steps": 6, "decay": "cosine"},
        "sampler": {"steps": 50},
    }
    names = {"schedule": "cosine", "sampler": "ddpm", "grid": "trailing"}
    found = of_stage(config, "train", names, swept=["schedule", "schedule.log_snr_max"])
    assert list(found.items()) == [
        ("schedule", "cosine"),
        ("training.steps", "6"),
        ("schedule.log_snr_max", "10.0"),
        ("values/schedule._target_", "snowmelt.schedules.Cosine"),
        ("values/training.decay", "cosine"),
    ]
    assert of_stage(config, "sample", names) == {
        "sampler": "ddpm",
        "grid": "trailing",
        "sampler.steps": "50",
    }


def test_all_of_them_are_read_back_under_the_keys_of_the_configuration() -> None:
    params = {"schedule": "cosine", "seed": "1", "values/training.decay": "cosine"}
    assert whole(params) == {"schedule": "cosine", "seed": "1", "training.decay": "cosine"}
    assert {section_of(key) for key in params} == {"schedule", "seed", "training"}
    (key,) = below({"k" * MAX_KEY: "v"})
    assert len(key) == MAX_KEY
