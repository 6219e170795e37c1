"""Errors of the source of starts name the key where it stands."""

from __future__ import annotations

import pytest

from snowmelt.common.errors import StorageError, UserError
from snowmelt.data.sources.array import Array
from snowmelt.data.sources.told_keys import told_at


def told(text: str) -> str:
    with pytest.raises(UserError) as caught, told_at("start.of", Array):
        raise UserError(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("data.path: b.npy is a folder", "start.of.path: b.npy is a folder"),
        ("data: 1 of 2 examples", "start.of: 1 of 2 examples"),
        ("density.path: a.png is white", "start.of.density.path: a.png is white"),
        ("give it by data.path=FILE", "give it by start.of.path=FILE"),
        (
            "data.gray is for images, and data.path holds points",
            "start.of.gray is for images, and start.of.path holds points",
        ),
    ],
)
def test_keys_of_the_data_become_those_of_the_starts(said: str, meant: str) -> None:
    assert told(said) == meant


@pytest.mark.parametrize(
    "text",
    [
        "/home/data.path/x is missing",
        "raw-data.path is missing",
        "/home/data.npz is missing",
        "the data holds no points",
        "_target_ 'snowmelt.data.Array' is not to be found",
    ],
)
def test_what_is_no_key_stays_as_it_is(text: str) -> None:
    assert told(text) == text


def test_a_full_disk_is_nobodys_key() -> None:
    with pytest.raises(StorageError, match=r"^data: full"), told_at("start.of", Array):
        raise StorageError("data: full")
