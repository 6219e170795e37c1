"""CIFAR-10 in small: both forms, and pickles that would run something."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.sources import cifar10
from snowmelt.data.sources.array_pickle import read_arrays_alone
from snowmelt.data.sources.cifar10 import PARTS, Cifar10

ROWS = 10
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (len(PARTS), ROWS, 3072), dtype=np.uint8)
LABELS = np.tile(np.arange(ROWS, dtype=np.uint8), (len(PARTS), 1))


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Texts become what Python 2 made of them, as in the published files."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_text(self, text: str | bytes) -> None:
        content = text.encode() if isinstance(text, str) else text
        length = len(content)
        head = b"U" + bytes([length]) if length < 256 else b"T" + struct.pack("<i", length)
        self.write(head + content)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_text


def python2(value: Any) -> bytes:
    stream = io.BytesIO()
    Python2Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def pickled(number: int) -> bytes:
    labels = LABELS[number].tolist()
    return python2({"batch_label": "b", "labels": labels, "data": IMAGES[number]})


def binary(number: int) -> bytes:
    return np.column_stack([LABELS[number], IMAGES[number]]).tobytes()


def pack(path: Path, content: Callable[[int], bytes], suffix: str) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for number, part in enumerate(PARTS):
            info = tarfile.TarInfo(f"cifar-10-batches/{part}{suffix}")
            info.size = len(content(number))
            tar.addfile(info, io.BytesIO(content(number)))
    return path


def make_official(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PICKLED" if "python" in path.name else "BINARY"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(cifar10, name, replace(getattr(cifar10, name), digest=digest))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cifar10, "ROWS", ROWS)
    offline = replace(cifar10.BINARY, mirrors=(f"{tmp_path.as_uri()}/offline/",))
    monkeypatch.setattr(cifar10, "BINARY", offline)


FORMS = {
    "cifar-10-binary.tar.gz": (binary, ".bin"),
    "cifar-10-python.tar.gz": (pickled, ""),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("is_folder", [True, False])
def test_both_forms_hold_the_same(
    name: str, is_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / name, *FORMS[name])
    make_official(path, monkeypatch)
    raw = Cifar10(name="c", path=str(tmp_path if is_folder else path)).read()
    assert np.array_equal(raw.examples.reshape(-1, 3072), IMAGES.reshape(-1, 3072))
    assert raw.labels is not None
    assert raw.labels.tolist() == LABELS.ravel().tolist()
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [False] * 50 + [True] * 10
    assert (raw.classes or ())[5] == "dog"


def test_the_dogs_in_grey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "cifar-10-binary.tar.gz", binary, ".bin")
    make_official(path, monkeypatch)
    dogs = Cifar10(name="dogs", path=str(path), classes=["dog"], gray=True)
    raw = dogs.read()
    assert raw.examples.shape == (6, *(dogs.event_shape() or ())) == (6, 1, 32, 32)
    colours = IMAGES[:, 5].reshape(6, 3, 32, 32).astype(float)
    luma = np.einsum("nchw,c->nhw", colours, [0.299, 0.587, 0.114])
    assert abs(raw.examples[:][:, 0] - luma).max() < 0.51
    assert (raw.labels, raw.classes) == (None, None)
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [False] * 5 + [True]


class Attack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder / "broken-in"),)


def test_other_bytes_are_not_even_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / "cifar-10-python.tar.gz", pickled, "")
    monkeypatch.setattr(cifar10, "read_arrays_alone", None)
    with pytest.raises(UserError, match=r"not the official cifar-10-python.*its SHA256 is"):
        Cifar10(name="c", path=str(path)).read()


def test_a_pickle_that_would_run_something_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = pickle.dumps({b"data": Attack(tmp_path), b"labels": []})
    path = pack(tmp_path / "cifar-10-python.tar.gz", lambda _: evil, "")
    make_official(path, monkeypatch)
    with pytest.raises(UserError, match=r"it names posix\.mkdir, which is no array"):
        Cifar10(name="c", path=str(path)).read()
    assert not (tmp_path / "broken-in").exists()


@pytest.mark.parametrize("made", [np.arange(6).reshape(2, 3), np.array(["a", "bc"])])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_of_python_3_too(made: np.ndarray, protocol: int) -> None:
    content = python2([made]) if protocol == 2 else pickle.dumps([made], protocol)
    assert np.array_equal(read_arrays_alone(io.BytesIO(content))[0], made)


def numpys(line: bytes) -> bytes:
    """A pickle that calls a function of numpy with a number of numbers."""
    return b"c" + line + b"\n(J\xff\xff\xff\x7ft\x85R."


@pytest.mark.parametrize(
    "content",
    [
        *(numpys(b"numpy\nndarray"), numpys(b"numpy\nzeros"), numpys(b"builtins\neval")),
        *(b"", b"\x80\x04", b"cos\nsystem\n(S'x'\ntR.", b"X\xff\xff\xff\xff"),
    ],
)
def test_nothing_else_is_called_or_allocated(content: bytes) -> None:
    with pytest.raises(ValueError, match="no pickle of arrays"):
        read_arrays_alone(io.BytesIO(content))


def test_a_damaged_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "cifar-10-binary.tar.gz"
    whole = pack(tmp_path / name, binary, ".bin").read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    make_official(tmp_path / name, monkeypatch)
    with pytest.raises(UserError, match=r"binary\.tar\.gz is damaged"):
        Cifar10(name="c", path=str(tmp_path)).read()


def test_offline_says_which_file_belongs_where(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Cifar10(name="c", root=tmp_path).read()
    said = str(caught.value)
    assert "\n" not in said
    folder = tmp_path / "data/downloads/cifar10"
    assert f"Put cifar-10-binary.tar.gz into {folder}, or name it by data.path" in said
    assert not folder.exists()


def test_a_folder_without_the_archive(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"data\.path: .* lacks cifar-10-binary\.tar\.gz or"
    ):
        Cifar10(name="c", path=str(tmp_path)).read()


def test_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    path = pack(mirror / "cifar-10-binary.tar.gz", binary, ".bin")
    make_official(path, monkeypatch)
    there = replace(cifar10.BINARY, mirrors=(f"{mirror.as_uri()}/",))
    monkeypatch.setattr(cifar10, "BINARY", there)
    assert len(Cifar10(name="c", root=tmp_path).read().examples) == 60
    path.unlink()
    assert len(Cifar10(name="c", root=tmp_path).read().examples) == 60


def test_the_official_split_is_not_to_be_changed() -> None:
    with pytest.raises(UserError, match=r"data\.held_out_fraction must be null.*0\.1"):
        Cifar10(name="c", held_out_fraction=0.1)
