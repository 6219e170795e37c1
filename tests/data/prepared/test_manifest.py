"""The manifest survives JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest, Skipped

ManifestOf = Callable[..., Manifest]


@pytest.mark.parametrize(
    "changes",
    [
        {"skipped": (Skipped("a.png", "damaged"),), "notes": ("one", "two")},
        {"classes": None, "class_counts": None},
        {
            "kind": "points",
            "shape": (2,),
            "dtype": "float32",
            "value_range": None,
            "mean": (0.1, 1 / 3),
            "std": 2 / 3,
        },
    ],
)
def test_json_and_back(manifest_of: ManifestOf, changes: dict[str, object]) -> None:
    manifest = manifest_of(**changes)
    assert Manifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_levels_and_bits_follow_from_the_range(manifest_of: ManifestOf) -> None:
    plain = manifest_of(value_range=(4, 11)).to_dict()
    assert (plain["levels"], plain["bits"], plain["format"]) == (8, 3.0, 1)
    points = manifest_of(kind="points", value_range=None).to_dict()
    assert (points["levels"], points["bits"]) == (None, None)


def test_another_format_is_refused(manifest_of: ManifestOf) -> None:
    plain = manifest_of().to_dict() | {"format": 2}
    with pytest.raises(UserError, match=r"m\.json is not of the format 1.*prepare"):
        Manifest.from_dict(plain, where="m.json")


def test_a_lacking_field_is_named(manifest_of: ManifestOf) -> None:
    plain = manifest_of().to_dict()
    del plain["train_count"]
    with pytest.raises(UserError, match="lacks train_count"):
        Manifest.from_dict(plain)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": "10"},
        {"count": 11},
        {"train_count": 0, "count": 2},
        {"shape": [1, 2]},
        {"shape": [1, 0, 2]},
        {"shape": "1x2x2"},
        {"dtype": "float64"},
        {"value_range": None},
        {"value_range": [16, 0]},
        {"classes": [1, 2]},
        {"skipped": [{"name": "a"}]},
        {"digests": ["a"]},
        {"digests": {"images.npy": None}},
        {"config": {"size": float("nan")}},
        {"kind": "points", "value_range": None, "shape": [2], "dtype": "float32"},
    ],
)
def test_values_of_another_type_or_that_do_not_fit_are_refused(
    manifest_of: ManifestOf, changes: dict[str, object]
) -> None:
    plain = manifest_of().to_dict() | changes
    with pytest.raises(UserError, match=r"m\.json .*: run `snowmelt prepare` again"):
        Manifest.from_dict(plain, where="m.json")


def test_something_else_is_refused() -> None:
    with pytest.raises(UserError, match="not of the format"):
        Manifest.from_dict([])  # type: ignore[arg-type]


def test_one_of_an_earlier_version_says_nothing_of_its_levels(
    manifest_of: ManifestOf,
) -> None:
    levels = {"least": 0, "greatest": 16, "distinct": 17}
    plain = manifest_of(seen_levels=levels).to_dict()
    assert Manifest.from_dict(plain).seen_levels == levels
    del plain["seen_levels"]
    assert Manifest.from_dict(plain) == manifest_of()
