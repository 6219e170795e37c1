"""Names that are nearly the same."""

from __future__ import annotations

import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.sources import class_names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cat", "cat"),
        ("cat", "cat "),
        ("two  words", "two words"),
        ("caf\u00e9", "cafe\u0301"),
        ("\u00c9t\u00e9", "e\u0301te\u0301"),
    ],
)
def test_they_are_refused_with_both_named(one: str, other: str) -> None:
    with pytest.raises(UserError) as caught:
        class_names.check("data.path", ["dog", one, other])
    said = str(caught.value)
    assert said.startswith("data.path: the classes")
    assert f"{one!a} and {other!a}" in said
    assert "\n" not in said
    assert "give both one name" in said


@pytest.mark.parametrize("name", ["", " "])
def test_no_name(name: str) -> None:
    with pytest.raises(UserError, match=r"data\.labels: a class has no name"):
        class_names.check("data.labels", ["dog", name])


def test_names_that_differ() -> None:
    class_names.check("data.path", ["cat", "cats", "1", "10", "x\u00b2", "x2", "\u732b"])
