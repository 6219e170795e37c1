"""Arrays in one file: the same bytes, and nothing that runs."""

from __future__ import annotations

import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.damage import flip

from snowmelt.common import array_files
from snowmelt.common.array_files import (
    create_rows,
    mapped,
    npy_header,
    read_arrays,
    write_arrays,
    write_rows,
)
from snowmelt.common.errors import UserError


def test_equal_arrays_give_equal_bytes_and_come_back(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1], np.uint8)}
    for name in ("one", "two"):
        write_arrays(tmp_path / f"{name}.npz", arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    found = read_arrays(tmp_path / "one.npz")
    assert set(found) == {"a", "b"}
    np.testing.assert_array_equal(found["a"], arrays["a"])
    assert found["b"].dtype == np.uint8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]


def test_no_file_has_no_arrays(tmp_path: Path) -> None:
    assert read_arrays(tmp_path / "none.npz") == {}


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "mine.npz", {"a": objects})
    assert not (tmp_path / "mine.npz").exists()
    np.savez(tmp_path / "theirs.npz", allow_pickle=True, a=objects)
    with pytest.raises(UserError, match=r"theirs\.npz is no file of arrays"):
        read_arrays(tmp_path / "theirs.npz")


def test_damage_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"PK no archive")
    with pytest.raises(UserError, match=r"bad\.npz is no file of arrays"):
        read_arrays(tmp_path / "bad.npz")


@pytest.mark.parametrize("content", [b"text", b"", b"PK no archive"])
def test_a_file_that_is_no_array_is_named_and_not_recommended(
    tmp_path: Path, content: bytes
) -> None:
    source = tmp_path / "mine.npy"
    source.write_bytes(content)
    with pytest.raises(UserError) as caught:
        mapped(source, made_by="sample")
    said = str(caught.value)
    assert said.startswith(f"{source} is not a readable array (")
    assert said.endswith("): run `snowmelt sample` again")
    assert "pickle" not in said, "nobody is advised to load it after all"


def test_a_mapped_array_is_the_one_that_was_stored(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    assert mapped(tmp_path / "a.npy", made_by="sample").tolist() == [0, 1, 2]


def test_an_archive_that_would_fill_the_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_files, "_LARGE", 2**23)
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(2**23, np.uint8))
    assert (tmp_path / "a.npz").stat().st_size < 10_000
    tracemalloc.start()
    with pytest.raises(
        UserError, match=r"a\.npz is no file of arrays \(its \d+ bytes would"
    ):
        read_arrays(tmp_path / "a.npz")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1e6


@pytest.mark.parametrize(
    "shape", [b"(10000000000000,)", b"(-1,)", b"(99999999999999999999,)"]
)
def test_a_member_that_claims_more_than_it_holds(tmp_path: Path, shape: bytes) -> None:
    body = b"{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + b"}"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        head = b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little")
        archive.writestr("a.npy", head + body + bytes(32))
    with pytest.raises(UserError, match=r"a\.npz is no file of arrays"):
        read_arrays(tmp_path / "a.npz")


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(
        UserError, match=r"a\.npz is no file of arrays \(it is a named pipe"
    ):
        read_arrays(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"is a named pipe, not a file: run"):
        mapped(tmp_path / "a.npz", made_by="sample")


def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    arrays, path, refused = {"a": np.arange(50)}, tmp_path / "a.npz", 0
    for seed in range(100):
        write_arrays(path, arrays)
        flip(path, seed)
        try:
            found = read_arrays(path)
        except UserError:
            refused += 1
        else:
            assert "a" not in found or np.array_equal(found["a"], arrays["a"])
    assert refused > 50


def test_parts_are_all_rows_in_order_whatever_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.arange(60, dtype=np.uint8).reshape(10, 6)
    np.save(tmp_path / "a.npy", rows)
    for size, starts in ((18, [0, 3, 6, 9]), (1, list(range(10))), (999, [0])):
        monkeypatch.setattr(array_files, "_PART", size)
        for array in (rows, mapped(tmp_path / "a.npy", made_by="sample")):
            parts = [(start, part.copy()) for start, part in array_files.in_parts(array)]
            assert [start for start, _ in parts] == starts
            np.testing.assert_array_equal(np.concatenate([p for _, p in parts]), rows)


def test_rows_that_are_written_later_are_what_numpy_would_save(tmp_path: Path) -> None:
    rows = np.arange(12.0).reshape(4, 3)
    np.save(tmp_path / "whole.npy", rows)
    create_rows(tmp_path / "later.npy", rows.dtype, rows.shape)
    write_rows(tmp_path / "later.npy", 2, rows[2:])
    write_rows(tmp_path / "later.npy", 0, rows[:2])
    same = (tmp_path / "whole.npy").read_bytes()
    assert (tmp_path / "later.npy").read_bytes() == same
    assert same.startswith(npy_header(np.float64, (4, 3)))
