"""Splits that are known before reading are those that prepare then makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.row_split import RowSplit, why_unpaired
from snowmelt.data.sources.array import Array
from snowmelt.data.sources.cifar10 import Cifar10
from snowmelt.data.sources.digits import Digits
from snowmelt.data.sources.folder import Folder
from snowmelt.data.sources.mnist import Mnist
from snowmelt.data.sources.source import Source
from snowmelt.data.sources.toy.curves import TwoMoons

RANDOM = RowSplit("a", 0.2, 0).counted(30)


def prepared(folder: Path, source: Source) -> RowSplit:
    manifest = dataset.write(
        folder,
        **vars(source.read()),
        name=source.name,
        held_out_fraction=source.held_out_fraction,
        split_seed=source.split_seed,
    )
    return RowSplit.of(manifest)


@pytest.mark.parametrize("classes", [None, ["3"], [3, 8], ["0", "1", "2"]])
def test_that_of_digits(tmp_path: Path, classes: list[Any] | None) -> None:
    source = Digits(name="d", classes=classes, held_out_fraction=0.3, split_seed=4)
    assert source.row_split() == prepared(tmp_path / "d", source)
    assert (source.row_split().kind == "random") == (classes == ["3"])


def test_that_of_a_cloud(tmp_path: Path) -> None:
    source = TwoMoons(name="m", noise=0.1, count=30, held_out_count=12)
    assert source.row_split() == prepared(tmp_path / "m", source)


@pytest.mark.parametrize("count", [25, 33])
def test_that_of_an_array(tmp_path: Path, count: int) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(count, 2)))
    source = Array(name="a", path=str(tmp_path / "a.npy"), held_out_fraction=0.15)
    assert source.row_split() == prepared(tmp_path / "prepared", source)


def test_of_what_only_the_data_tells_nothing_is_said() -> None:
    split = Folder(name="f", path="nowhere").row_split()
    assert (split.kind, split.count, split.fraction) == (None, None, 0.2)
    labelled = Array(name="a", path="nowhere.npy", labels="nowhere.npy").row_split()
    assert labelled.kind is None


def test_official_splits_are_told_by_their_sources() -> None:
    assert Mnist(name="m").row_split() == RowSplit("m", None, 0, "official", 60_000, 10_000)
    assert Cifar10(name="c").row_split().count == 60_000
    some = Mnist(name="m", classes=["3"]).row_split()
    assert (some.kind, some.count) == ("official", None)
    assert Folder(name="f", path="x", held_out_fraction=None).row_split().kind == "official"


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (RowSplit("b", 0.2, 0).counted(20), "they have 30 and 20 examples: "),
        (RowSplit("b", 0.3, 0).counted(30), "they hold out 0.2 and 0.3 of all: "),
        (RowSplit("b", 0.2, 7).counted(30), "their split_seed is 0 and 7: "),
        (RowSplit("b", 0.2, 7), "their split_seed is 0 and 7: "),
        (RowSplit("b", 0.2, 0).counted(10, 20), "the starts are split class by class: "),
        (
            RowSplit("b", None, 0).official(24, 6),
            "the starts come with a split of their own: ",
        ),
    ],
)
def test_rows_that_are_no_pairs_are_told_in_words(start: RowSplit, said: str) -> None:
    text = why_unpaired(RANDOM, start)
    assert text is not None
    assert f"(a) and row k of the starts (b) for a pair, but {said}" in text
    assert "{" not in text


def test_two_official_splits_of_one_size_are_no_pairs_either() -> None:
    official = RowSplit("a", None, 0).official(24, 6)
    said = "but both come with a split of their own: "
    assert said in str(why_unpaired(official, official))


def test_rows_of_one_order_are_pairs_and_so_may_be_what_is_not_known() -> None:
    assert why_unpaired(RANDOM, RowSplit("b", 0.2, 0).counted(30)) is None
    assert why_unpaired(RANDOM, RowSplit("b", 0.2, 0)) is None
