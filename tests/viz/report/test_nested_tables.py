from __future__ import annotations

from snowmelt.viz.report import nested_tables


def test_rows_flatten_by_dotted_keys_in_order():
    tree = {"b": {"x": 1, "deep": {"y": None}}, "a": [1, 2], "empty": {}, "on": True}
    assert nested_tables.rows(tree) == [
        ("b.x", "1"),
        ("b.deep.y", "null"),
        ("a", "1, 2"),
        ("empty", "{}"),
        ("on", "true"),
    ]


def test_values_are_spelt_as_in_a_configuration():
    assert nested_tables.text(2e-3) == "0.002"
    assert nested_tables.text(0.1 + 0.2) == "0.300"
    assert nested_tables.text("word") == "word"
    assert nested_tables.text([]) == "[]"


def test_long_lists_are_cut_and_say_so():
    assert nested_tables.text(list(range(nested_tables.MOST_ITEMS + 3))).endswith(
        "39 and 3 more"
    )


def test_settings_leave_out_what_changes_no_result():
    config = {
        "seed": 0,
        "paths": {"root": "/home/someone"},
        "density": {"share": 0.3},
        "mcmc": {"points": 1000},
        "gallery": {"frames": 51},
        "data": {"density": {"share": 0.3}},
        "net": {"width": 8},
        "name": None,
    }
    assert nested_tables.settings(config) == [
        ("general", [("seed", "0"), ("name", "null")]),
        ("data", [("density.share", "0.3")]),
        ("net", [("width", "8")]),
    ]
