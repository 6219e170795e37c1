"""One .npy file: points or images, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import write
from snowmelt.data.sources.array import Array
from snowmelt.data.sources.source import RawData


def read(tmp_path: Path, array: np.ndarray, **changes: Any) -> RawData:
    np.save(tmp_path / "a.npy", array)
    return Array(name="mine", path="a.npy", root=tmp_path, **changes).read()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["f2", "f4", "<f8", ">f8"])
def test_points(tmp_path: Path, dtype: str) -> None:
    points = np.array([[0.5, -2.0], [1.25, 3.0]]).astype(dtype)
    raw = read(tmp_path, points)
    assert raw.examples.dtype == np.float32
    assert raw.examples.tolist() == [[0.5, -2.0], [1.25, 3.0]]
    assert (raw.value_range, raw.labels) == (None, None)


def test_images_of_each_layout(tmp_path: Path) -> None:
    grey, colour = noise(3, 5, 4), noise(3, 3, 5, 4)
    assert np.array_equal(read(tmp_path, grey).examples, grey[:, None])
    assert np.array_equal(read(tmp_path, colour).examples, colour)
    last = np.ascontiguousarray(colour.transpose(0, 2, 3, 1))
    assert np.array_equal(read(tmp_path, last).examples, colour)
    assert np.array_equal(read(tmp_path, grey[..., None]).examples, grey[:, None])
    assert read(tmp_path, np.asfortranarray(colour)).value_range == (0, 255)


def test_value_range(tmp_path: Path) -> None:
    images = np.full((4, 2, 2), 16, np.uint8)
    assert read(tmp_path, images, value_range=[0, 16]).value_range == (0, 16)
    assert read(tmp_path, images, value_range=[16, 20]).value_range == (16, 20)
    with pytest.raises(UserError, match=r"data\.value_range is 0\.\.15, but 16 values"):
        read(tmp_path, images, value_range=[0, 15])
    with pytest.raises(UserError, match=r"data\.value_range is 17\.\.20.*16\.\.16"):
        read(tmp_path, images, value_range=[17, 20])


@pytest.mark.parametrize(
    "value_range", [[0], [0, 256], [5, 5], [9, 3], [-1, 4], [0.0, 1.0], "01", 7]
)
def test_bad_value_range(value_range: Any) -> None:
    with pytest.raises(UserError, match=r"data\.value_range must be two integers"):
        Array(name="mine", path="a.npy", value_range=value_range)


def test_points_have_no_value_range(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.value_range is for images"):
        read(tmp_path, np.zeros((4, 2)), value_range=[0, 1])


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (np.array([10, 9, 9, 2]), ("2", "9", "10"), [2, 1, 1, 0]),
        (np.array(["dog", "cat", "dog", "cat"]), ("cat", "dog"), [1, 0, 1, 0]),
        (np.array([True, False, True, True]), ("False", "True"), [1, 0, 1, 1]),
    ],
)
def test_labels(
    tmp_path: Path, labels: np.ndarray, classes: tuple[str, ...], numbers: list[int]
) -> None:
    np.save(tmp_path / "l.npy", labels)
    raw = read(tmp_path, noise(4, 2, 2), labels="l.npy")
    assert raw.classes == classes
    assert raw.labels is not None
    assert raw.labels.tolist() == numbers
    assert raw.labels.dtype == np.int64


def test_a_single_label_is_no_class(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", np.full(4, 7))
    raw = read(tmp_path, noise(4, 2, 2), labels="l.npy")
    assert (raw.labels, raw.classes) == (None, None)
    assert raw.notes == ("all labels are 7: no classes",)


@pytest.mark.parametrize("labels", [np.zeros(3, int), np.zeros((4, 1), int), np.zeros(4)])
def test_labels_that_do_not_fit(tmp_path: Path, labels: np.ndarray) -> None:
    np.save(tmp_path / "l.npy", labels)
    with pytest.raises(UserError, match=r"data\.labels: needs 4 integers or strings"):
        read(tmp_path, noise(4, 2, 2), labels="l.npy")


def test_missing_labels(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.labels: .*l\.npy does not exist"):
        read(tmp_path, noise(4, 2, 2), labels="l.npy")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_points_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    points = np.zeros((100, 2))
    points[17, 1] = points[40] = bad
    with pytest.raises(UserError, match=r"2 of 100 points are NaN.*first is row 17"):
        read(tmp_path, points)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 3, 5, 3), np.uint8), "both ends could be the channels"),
        (np.zeros((4, 2, 5, 4), np.uint8), "no end has 1 or 3 channels"),
        (np.zeros((4, 5, 5)), r"float64 \(4, 5, 5\): points are floats"),
        (np.zeros((4, 5, 5), np.int64), r"int64 \(4, 5, 5\): points are floats"),
        (np.zeros((4, 2), np.uint8), r"uint8 \(4, 2\): points are floats"),
        (np.zeros((4, 2), complex), "complex128"),
        (np.zeros(4), r"float64 \(4,\)"),
        (np.zeros((1, 4, 3, 5, 5), np.uint8), r"uint8 \(1, 4, 3, 5, 5\)"),
        (np.array(3.0), "holds a single value"),
        (np.zeros((0, 2)), r"data\.path: "),
        (np.zeros((4, 0)), r"data\.path: "),
        (np.zeros((4, 0, 3), np.uint8), r"data\.path: "),
    ],
)
def test_other_shapes_and_types(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, array)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (trap.touch, ())

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not an array of plain numbers"):
        Array(name="mine", path="a.npy", root=tmp_path).read()
    assert not trap.exists()


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04K\x01."])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UserError, match="not an array of plain numbers"):
        Array(name="mine", path="a.npy", root=tmp_path).read()


def test_cut_short(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((100, 2)))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:300])
    with pytest.raises(UserError, match="not an array of plain numbers"):
        Array(name="mine", path="a.npy", root=tmp_path).read()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.path: .* does not exist"):
        Array(name="mine", path="a.npy", root=tmp_path).read()
    with pytest.raises(UserError, match=r"data\.path: .* is a folder"):
        Array(name="mine", path=".", root=tmp_path).read()


def test_levels_that_fill_a_small_part_of_the_range(tmp_path: Path) -> None:
    images = np.tile(np.arange(17, dtype=np.uint8), (4, 5, 1))
    (note,) = read(tmp_path, images).notes
    assert note == (
        "only the levels 0 to 16 of 0 to 255 occur: if no others can, say"
        " data.value_range=[0,16]"
    )
    assert read(tmp_path, images, value_range=[0, 16]).notes == ()


@pytest.mark.parametrize("key", ["path", "labels"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, key: str) -> None:
    np.save(tmp_path / "a.npy", noise(4, 2, 2))
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    for name, kind in (("pipe.npy", "a named pipe"), ("zero.npy", "a device")):
        settings: dict[str, Any] = {"path": "a.npy"} | {key: name}
        with pytest.raises(UserError, match=rf"data\.{key}: .*{name} is {kind}"):
            Array(name="mine", root=tmp_path, **settings).read()


def header(text: str, length: int | None = None) -> bytes:
    body = text.encode("latin1")
    size = len(body) if length is None else length
    return b"\x93NUMPY\x02\x00" + size.to_bytes(4, "little") + body


@pytest.mark.parametrize(
    "content",
    [
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (10**12, 9, 9), }"),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 9, 9)}"),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (-4, 2, 2)}"),
        header(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}"
        ),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (4,)}"),
        header("{'descr': [], 'fortran_order': False, 'shape': (4,)}"),
        header("{'descr': '|V0', 'fortran_order': False, 'shape': (4,)}"),
        header("{'descr': 'M8[q]', 'fortran_order': False, 'shape': (4, 2)}"),
        header("[" * 5000 + "]" * 5000),
        header("{}"),
        header("", 2**32 - 1),
        header("{'descr': '|u1', 'shape': ((((", 50),
        b"\x93NUMPY\x09\x09",
        b"PK\x03\x04" + bytes(100),
    ],
)
def test_headers_that_claim_nonsense(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UserError) as caught:
        Array(name="mine", path="a.npy", root=tmp_path).read()
    assert str(caught.value).startswith("data.path: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("names", [["Cat", "cat"], ["cat", " cat"], ["cat", ""]])
def test_labels_of_nearly_one_name(tmp_path: Path, names: list[str]) -> None:
    np.save(tmp_path / "l.npy", np.array(names * 2))
    with pytest.raises(UserError, match=r"data\.labels: "):
        read(tmp_path, noise(4, 2, 2), labels="l.npy")


def test_points_have_classes_to_choose_from_and_no_colours(tmp_path: Path) -> None:
    points = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.save(tmp_path / "l.npy", np.array(["a", "b", "c", "a"]))
    raw = read(tmp_path, points, labels="l.npy", classes=["a", "c"])
    assert np.asarray(raw.examples).tolist() == [[0, 1], [4, 5], [6, 7]]
    assert raw.classes == ("a", "c")
    for choice in ({"gray": True}, {"pad_to": 9}):
        (key,) = choice
        with pytest.raises(UserError, match=rf"data\.{key} is for images, .* points"):
            read(tmp_path, points, **choice)


@pytest.mark.parametrize("classes", [[3, 5], ["5", "3"]])
def test_a_class_of_numbers_is_named_by_its_number(
    classes: list[Any], tmp_path: Path
) -> None:
    np.save(tmp_path / "l.npy", np.array([3, 4, 5]))
    raw = read(tmp_path, noise(3, 5, 4), labels="l.npy", classes=classes)
    assert raw.classes == ("3", "5")
    with pytest.raises(UserError, match="there is no class '7'"):
        read(tmp_path, noise(3, 5, 4), labels="l.npy", classes=[7])


@pytest.mark.parametrize(("classes", "said"), [("35", "must be a list"), ([], "empty")])
def test_classes_are_a_list_of_some(classes: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"data\.classes .*{said}"):
        Array(name="a", path="x.npy", classes=classes)


def test_classes_need_labels(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.classes=\['a'\]: this data has no classes"):
        read(tmp_path, noise(3, 5, 4), classes=["a"])


def test_a_choice_is_prepared_like_the_array_of_its_rows(tmp_path: Path) -> None:
    images, labels = noise(40, 4, 6), np.arange(40) % 3
    np.save(tmp_path / "l.npy", labels)
    chosen = read(tmp_path, images, labels="l.npy", classes=["0", "2"], pad_to=8)
    write(tmp_path / "chosen", **vars(chosen), name="a")
    rows = labels != 1
    padded = np.pad(images[rows], ((0, 0), (2, 2), (1, 1)))
    np.save(tmp_path / "l.npy", labels[rows])
    plain = read(tmp_path, padded, labels="l.npy")
    write(tmp_path / "plain", **vars(plain), name="a")
    for file in ("images.npy", "labels.npy"):
        first, second = (tmp_path / name / file for name in ("chosen", "plain"))
        assert first.read_bytes() == second.read_bytes()
