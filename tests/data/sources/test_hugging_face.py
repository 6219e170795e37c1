"""Data sets of the Hub, through a stand-in for the package that fetches them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.data.sources.stopped_prepare import stop_after

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.data.sources.hugging_face import HuggingFace
from snowmelt.data.sources.kept_rows import keeping
from snowmelt.data.sources.rows_file import RowsFile
from snowmelt.data.sources.source import RawData


def png(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (level, level, level)).save(stream, "PNG")
    return stream.getvalue()


class Split:
    """A table of rows, as far as it is used here."""

    def __init__(self, columns: dict[str, list[Any]], names: list[str] | None) -> None:
        self.columns = columns
        self.features = {"label": SimpleNamespace(names=names)}
        self.column_names = list(columns)
        self.is_plain = False

    def cast_column(self, name: str, kind: Any) -> Split:
        if not isinstance(self.columns[name][0], dict):  # as pyarrow's ArrowInvalid
            raise ValueError(f"Couldn't cast array\nof {name} to struct")
        self.is_plain = not kind.decode
        return self

    def __len__(self) -> int:
        return len(self.columns["image"])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self.columns[key]
        assert self.is_plain, "images would be decoded without a limit"
        return {name: values[key] for name, values in self.columns.items()}


Install = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a stand-in for the package in place, and gives what it is asked for."""

    def put(version: str = "4.1.0", **splits: Split) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def load_dataset(*given: Any, split: str, revision: Any) -> Split:
            asked.append((*given, split, revision))
            if split not in splits:
                raise ConnectionError("no route\nto host")
            return splits[split]

        package = ModuleType("datasets")
        package.__dict__.update(
            __version__=version,
            load_dataset=load_dataset,
            Image=lambda decode: SimpleNamespace(decode=decode),
        )
        monkeypatch.setitem(sys.modules, "datasets", package)
        return asked

    return put


def rows(levels: list[int], names: list[str] | None = None) -> Split:
    images = [{"bytes": png(level), "path": None} for level in levels]
    return Split({"image": images, "label": [level % 2 for level in levels]}, names)


def source(**changes: Any) -> HuggingFace:
    settings: dict[str, Any] = {"name": "hub", "dataset": "me/mine", "size": 4}
    return HuggingFace(**(settings | changes))


def test_two_splits_with_classes(install: Install) -> None:
    names = ["even", "odd"]
    asked = install(train=rows([1, 2, 3], names), test=rows([4, 5]))
    raw = source(
        held_out_split="test",
        held_out_fraction=None,
        label_column="label",
        revision="abc",
        configuration="part",
    ).read()
    assert asked == [("me/mine", "part", s, "abc") for s in ("train", "test")]
    assert raw.examples[:, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert raw.labels is not None
    assert raw.labels.tolist() == [1, 0, 1, 0, 1]
    assert raw.classes == ("even", "odd")
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [False] * 3 + [True] * 2


def test_one_split_in_grey_and_from_files(install: Install, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(7))
    split = rows([9, 8])
    split.columns["image"][1] = {"bytes": None, "path": str(tmp_path / "a.png")}
    install(train=split)
    raw = source(gray=True).read()
    assert np.asarray(raw.examples).reshape(2, 16)[:, 0].tolist() == [9, 7]
    assert (raw.labels, raw.held_out) == (None, None)
    assert source(gray=True).event_shape() == (1, 4, 4)


def test_the_package_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'snowmelt\[huggingface\]'"):
        source().read()


def test_a_version_that_runs_what_comes_with_the_data(install: Install) -> None:
    install("3.6.0", train=rows([1]))
    with pytest.raises(UserError, match=r"datasets 4 or later: version 3\.6\.0 runs prog"):
        source().read()


def test_no_network_is_one_line(install: Install) -> None:
    install()
    with pytest.raises(
        UserError, match=r"the split train of me/mine cannot be had \(no rou"
    ):
        source().read()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_column": "images"}, r"data\.image_column: .*did you mean 'image'"),
        ({"label_column": "class"}, r"data\.label_column: .*it has image, label"),
    ],
)
def test_columns_that_are_not_there(
    changes: dict[str, str], said: str, install: Install
) -> None:
    install(train=rows([1, 2]))
    with pytest.raises(UserError, match=said):
        source(**changes).read()


@pytest.mark.parametrize("missing", [-1, None])
def test_rows_without_a_label_are_refused(missing: int | None, install: Install) -> None:
    split = rows([1, 2, 3])
    split.columns["label"] = [0, missing, missing]
    install(train=split)
    with pytest.raises(UserError, match=r"data\.label_column: 2 rows of the split train"):
        source(label_column="label").read()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([{"a": 1}, {"a": 2}], "{'a': 1}"),  # objects in a picture
        ([[0, 1], [1, 2]], r"\[0, 1\]"),  # several labels each
        ([[0], [1, 2]], r"\[0\]"),
        ([None, [1]], r"\[1\]"),
        ([0.5, 1.5], "0.5"),
        ([b"a", b"b"], "b'a'"),
    ],
)
def test_a_column_that_holds_no_classes(
    labels: list[Any], said: str, install: Install
) -> None:
    split = rows([1, 2])
    split.columns["label"] = labels
    install(train=split)
    expected = rf"data\.label_column: the column 'label' of me/mine holds {said}, and a cl"
    with pytest.raises(UserError, match=expected):
        source(label_column="label").read()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [([True, False], ("False", "True")), (["b", "a"], ("a", "b")), ([7, 3], ("3", "7"))],
)
def test_numbers_texts_and_truth_values_are_classes(
    labels: list[Any], classes: tuple[str, ...], install: Install
) -> None:
    split = rows([1, 2])
    split.columns["label"] = labels
    install(train=split)
    raw = source(label_column="label").read()
    assert raw.classes == classes
    assert raw.labels is not None
    assert raw.labels.tolist() == [1, 0]


def test_a_column_that_holds_no_images(install: Install) -> None:
    install(train=rows([1, 2]))
    said = r"data\.image_column: the column 'label' .* no images \(Couldn't cast array of"
    with pytest.raises(UserError, match=said) as caught:
        source(image_column="label").read()
    assert str(caught.value).endswith("its columns are image, label")


@pytest.mark.parametrize("item", [{"bytes": b"no image", "path": None}, None, {}])
def test_a_row_that_is_no_image(item: Any, install: Install) -> None:
    split = rows([1, 2])
    split.columns["image"][1] = item
    install(train=split)
    with pytest.raises(UserError, match="me/mine, row 1: "):
        source().read()


def test_a_split_that_is_held_out_and_a_fraction() -> None:
    with pytest.raises(UserError, match=r"held_out_fraction must be null with .*=test"):
        source(held_out_split="test")


@pytest.mark.usefixtures("few_are_many")
def test_one_that_was_stopped_goes_on(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(png(77))
    splits = {"train": rows([*range(9)]), "test": rows([*range(9, 22)])}
    splits["train"].columns["image"][3] = {"bytes": None, "path": str(tmp_path / "a.png")}
    install(**splits)
    firsts: list[int] = []
    one = HuggingFace._decoded_run

    def counted(self: Any, rows: RowsFile, first: int, *given: Any) -> Any:
        firsts.append(first)
        return one(self, rows, first, *given)

    monkeypatch.setattr(HuggingFace, "_decoded_run", counted)
    held_out: dict[str, Any] = {"held_out_split": "test", "held_out_fraction": None}

    def read() -> RawData:
        with keeping(tmp_path / "kept") as kept:
            return source(kept=kept, **held_out).read()

    with pytest.MonkeyPatch.context() as patch:
        stop_after(4, patch)
        with pytest.raises(stopping.Stopped, match="after 13 of 22 images, which are kept"):
            read()
    splits["train"].columns["image"][5] = {"bytes": png(55), "path": None}
    firsts.clear()
    levels = np.asarray(read().examples)[:, 0, 0, 0].tolist()
    assert levels == [0, 1, 2, 77, 4, 55, *range(6, 22)]
    assert firsts == [4, 13, 17, 21]
