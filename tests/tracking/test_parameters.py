"""The configuration as flat text."""

from __future__ import annotations

from snowmelt.tracking.parameters import MAX_KEY, MAX_VALUE, flat, of_stage


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
        ["anything_new", "data.density.share", "seed"],
        ["sample.seed", "sampler.steps"],
        ["evaluation.subsets"],
        [],
    ]
