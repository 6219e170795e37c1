"""Arrays in .npz and idx files, packed or not, and files made to do harm."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.sources import array_forms
from snowmelt.data.sources.array import Array
from snowmelt.data.sources.array_forms import heading, load

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([3, 12, 3, 7, 7, 12])


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


@pytest.mark.parametrize("is_packed", [True, False])
def test_images_and_labels_of_idx_files(is_packed: bool, tmp_path: Path) -> None:
    pack = gzip.compress if is_packed else bytes
    (tmp_path / "images").write_bytes(pack(idx(IMAGES)))
    (tmp_path / "labels").write_bytes(pack(idx(LABELS.astype(np.uint8))))
    raw = Array(name="a", path="images", labels="labels", root=tmp_path).read()
    assert np.array_equal(raw.examples[:, 0], IMAGES)
    assert raw.classes == ("3", "7", "12")
    assert raw.labels is not None
    assert raw.labels.tolist() == [0, 2, 0, 1, 1, 2]


@pytest.mark.parametrize("is_packed", [True, False])
def test_arrays_of_an_archive(is_packed: bool, tmp_path: Path) -> None:
    save = np.savez_compressed if is_packed else np.savez
    save(tmp_path / "a.npz", x=IMAGES, y=LABELS, f=np.asfortranarray(IMAGES))
    mine = {"name": "a", "path": "a.npz", "root": tmp_path}
    raw = Array(**mine, array="x", labels="a.npz", labels_array="y").read()
    assert np.array_equal(raw.examples[:, 0], IMAGES)
    assert raw.classes == ("3", "7", "12")
    assert np.array_equal(Array(**mine, array="f").read().examples[:, 0], IMAGES)
    assert Array(**mine, array="x").event_shape() == (1, 5, 4)
    with pytest.raises(UserError, match=r"holds x, y, f: choose one by data\.array=NAME"):
        Array(**mine).read()
    with pytest.raises(UserError, match=r"no array z.*it holds x, y, f"):
        Array(**mine, array="z").read()


def test_one_array_of_an_archive_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", IMAGES)
    assert np.array_equal(load("data.path", tmp_path / "a.npz"), IMAGES)


def refused(*_: object) -> None:
    raise AssertionError("it was unpacked")


def test_the_shape_is_known_without_unpacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command asks for it, before anything is read."""
    np.savez_compressed(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    (tmp_path / "b").write_bytes(gzip.compress(idx(IMAGES)))
    (tmp_path / "c").write_bytes(idx(IMAGES))
    np.save(tmp_path / "d.npy", IMAGES)
    monkeypatch.setattr(array_forms, "_copied", refused)
    for file, array in (("a.npz", "x"), ("b", None), ("c", None), ("d.npy", None)):
        source = Array(name="a", path=file, array=array, root=tmp_path)
        assert source.event_shape() == (1, 5, 4), file
        found = heading("data.path", tmp_path / file, array)
        assert (found.shape, found.dtype) == (IMAGES.shape, np.dtype(np.uint8)), file


def test_a_choice_of_labels_is_told_by_its_own_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    mine = {"name": "a", "path": "a.npz", "array": "x", "root": tmp_path}
    with pytest.raises(UserError, match=r"choose one by data\.labels_array=NAME"):
        Array(**mine, labels="a.npz").read()
    with pytest.raises(UserError, match=r"data\.labels_array=y chooses .*data\.labels"):
        Array(**mine, labels_array="y")


def test_a_name_is_for_archives(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(UserError, match=r"data\.array=x is for an \.npz file"):
        load("data.path", tmp_path / "a.npy", "x")


def test_objects_in_an_archive_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([print, 1], dtype=object))
    with pytest.raises(UserError, match="not the form in which numpy stores plain num"):
        load("data.path", tmp_path / "a.npz")


def bombs() -> dict[str, bytes]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("x.npy", bytes(30_000_000))
    lying = stream.getvalue().replace(struct.pack("<L", 30_000_000), struct.pack("<L", 200))
    heading = struct.pack(">BBBBI", 0, 0, 8, 1, 100)
    claim = struct.pack(">BBBBI", 0, 0, 8, 1, 2**32 - 1)
    return {
        "claims much.npz": stream.getvalue(),
        "claims little.npz": lying,
        "claims little.gz": gzip.compress(heading + bytes(30_000_000)),
        "claims much.gz": gzip.compress(claim + bytes(1000)),
    }


@pytest.mark.parametrize("name", bombs())
def test_what_unpacks_to_far_more_than_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_forms, "_AT_LEAST", 2**20)
    monkeypatch.setattr(array_forms, "_TIMES", 20)
    monkeypatch.setattr(array_forms, "_COPIED", 2**16)
    (tmp_path / name).write_bytes(bombs()[name])
    tracemalloc.start()
    with pytest.raises(UserError, match=r"data\.path: .* is not an array of plain numbers"):
        load("data.path", tmp_path / name)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2e6


@pytest.mark.parametrize("kept", [0, 3, 5, 12, 30, -1])
@pytest.mark.parametrize("form", ["idx", "gz", "npz"])
def test_files_that_are_cut_short(form: str, kept: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", IMAGES)
    contents = {"idx": idx(IMAGES), "gz": gzip.compress(idx(IMAGES))}
    content = contents.get(form, (tmp_path / "a.npz").read_bytes())
    (tmp_path / "b").write_bytes(content[:kept])
    with pytest.raises(UserError, match=r"data\.path: .* is not an array of plain numbers"):
        load("data.path", tmp_path / "b")


def test_labels_of_a_wide_range_and_texts() -> None:
    from snowmelt.data.sources.array import _numbered

    for given in (LABELS, LABELS * 10**9, -LABELS, np.array(["b", "a", "b"]), LABELS > 5):
        names, numbers = np.unique(given, return_inverse=True)
        found = _numbered(given)
        assert found[0].tolist() == names.tolist()
        assert found[1].tolist() == numbers.tolist()
        assert found[1].dtype == np.int64
