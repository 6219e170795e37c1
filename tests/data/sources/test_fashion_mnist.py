"""Fashion-MNIST in small: the idx format, the places, the digests."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.sources import fashion_mnist
from snowmelt.data.sources.fashion_mnist import DIGESTS, FashionMnist

STEMS = tuple(DIGESTS)


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 4, 5), dtype=np.uint8)
    labels = np.arange(10, dtype=np.uint8)
    parts = (images[:6], labels[:6], images[6:], labels[6:])
    return dict(zip(STEMS, parts, strict=True))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of four small files whose digests pass for the known ones."""
    folder = tmp_path / "files"
    folder.mkdir()
    digests = {}
    for stem, array in arrays().items():
        content = idx(array)
        digests[stem] = hashlib.sha256(content).hexdigest()
        (folder / f"{stem}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(fashion_mnist, "DIGESTS", digests)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "no-package")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (f"{tmp_path.as_uri()}/offline/",))
    return folder


def source(root: Path, path: Path | None = None) -> FashionMnist:
    name = None if path is None else str(path)
    return FashionMnist(name="fashion_mnist", path=name, root=root)


def check(found: FashionMnist) -> None:
    raw = found.read()
    parts = list(arrays().values())
    assert np.array_equal(raw.examples[:, 0], np.concatenate([parts[0], parts[2]]))
    assert raw.labels is not None
    assert raw.labels.tolist() == list(range(10))
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [False] * 6 + [True] * 4
    assert (raw.value_range, len(raw.classes or ())) == ((0, 255), 10)


def test_packed_and_unpacked_files(small: Path, tmp_path: Path) -> None:
    check(source(tmp_path, small))
    packed = small / f"{STEMS[0]}.gz"
    (small / STEMS[0]).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    check(source(tmp_path, small))


def test_debians_folder_comes_next(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN", small)
    check(source(tmp_path))
    assert not (tmp_path / "data").exists()


def test_fetched_once(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrors = (f"{tmp_path.as_uri()}/offline/", f"{small.as_uri()}/")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", mirrors)
    check(source(tmp_path))
    kept = sorted(path.name for path in (tmp_path / fashion_mnist.DOWNLOADS).iterdir())
    assert kept == sorted(f"{stem}.gz" for stem in STEMS)
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ())
    check(source(tmp_path))


def test_offline_says_what_to_do(small: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        source(tmp_path).read()
    message = str(caught.value)
    assert str(tmp_path / fashion_mnist.DOWNLOADS) in message
    assert "dataset-fashion-mnist" in message
    assert "data.path" in message
    assert "\n" not in message
    assert all(f"{stem}.gz" in message for stem in STEMS)


@pytest.mark.parametrize("content", [b"<html>please log in</html>", idx(np.zeros(3, "u1"))])
def test_a_wrong_download_is_not_kept(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (f"{small.as_uri()}/",))
    (small / f"{STEMS[0]}.gz").write_bytes(content)
    with pytest.raises(UserError) as caught:
        source(tmp_path).read()
    message = str(caught.value)
    assert hashlib.sha256(content).hexdigest() in message
    assert fashion_mnist.DIGESTS[STEMS[0]] in message
    assert f"{STEMS[0]}.gz is not Fashion-MNIST" in message
    assert not (tmp_path / fashion_mnist.DOWNLOADS).exists()


def test_a_download_that_is_cut_short_is_not_kept(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (f"{small.as_uri()}/",))
    file = small / f"{STEMS[0]}.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"{STEMS[0]}.gz is damaged"):
        source(tmp_path).read()
    assert not (tmp_path / fashion_mnist.DOWNLOADS).exists()


def test_other_files_under_the_same_name(small: Path, tmp_path: Path) -> None:
    other = idx(np.zeros((6, 4, 5), np.uint8))
    (small / f"{STEMS[0]}.gz").write_bytes(gzip.compress(other))
    with pytest.raises(UserError, match="is not Fashion-MNIST's train-images"):
        source(tmp_path, small).read()


def test_missing_files_are_named(small: Path, tmp_path: Path) -> None:
    (small / f"{STEMS[1]}.gz").unlink()
    (small / f"{STEMS[3]}.gz").unlink()
    with pytest.raises(UserError, match=f"data.path: .* lacks {STEMS[1]}, {STEMS[3]}"):
        source(tmp_path, small).read()


def test_images_in_place_of_labels(small: Path, tmp_path: Path) -> None:
    images = (small / f"{STEMS[0]}.gz").read_bytes()
    (small / f"{STEMS[1]}.gz").write_bytes(images)
    with pytest.raises(UserError, match=f"{STEMS[1]}.gz is not Fashion-MNIST's train-lab"):
        source(tmp_path, small).read()


WHOLE = idx(arrays()[STEMS[0]])


@pytest.mark.parametrize(
    "content", [WHOLE[:-1], WHOLE + b"\0", b"", b"\0\0", bytes([0, 0, 8, 3, 0, 0, 1])]
)
@pytest.mark.parametrize("is_packed", [True, False])
def test_too_few_bytes_and_too_many(
    small: Path, tmp_path: Path, content: bytes, is_packed: bool
) -> None:
    (small / f"{STEMS[0]}.gz").write_bytes(gzip.compress(content) if is_packed else content)
    with pytest.raises(UserError, match=f"{STEMS[0]}.gz is not Fashion-MNIST's train-im"):
        source(tmp_path, small).read()


def test_the_official_split_is_not_to_be_changed() -> None:
    with pytest.raises(UserError, match=r"data\.held_out_fraction must be null.*0\.1"):
        FashionMnist(name="fashion_mnist", held_out_fraction=0.1)


@pytest.mark.skipif(not fashion_mnist.DEBIAN.is_dir(), reason="no Debian package")
def test_the_real_files(tmp_path: Path) -> None:
    raw = source(tmp_path).read()
    assert raw.examples.shape == (70_000, 1, 28, 28)
    assert raw.labels is not None
    assert raw.held_out is not None
    assert np.bincount(raw.labels[raw.held_out]).tolist() == [1000] * 10


@pytest.mark.parametrize("is_packed", [True, False])
def test_content_that_is_much_too_long_is_not_read_to_its_end(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    claimed = struct.pack(">BBBBIII", 0, 0, 8, 3, 2**31, 28, 28)
    monkeypatch.setattr(fashion_mnist, "LARGEST", 10_000)
    content = claimed + bytes(30_000_000)
    (small / f"{STEMS[0]}.gz").write_bytes(gzip.compress(content) if is_packed else content)
    del content
    tracemalloc.start()
    with pytest.raises(
        UserError, match=f"not Fashion-.* {STEMS[0]}: its content is longer"
    ):
        source(tmp_path, small).read()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2e6


def test_the_longest_file_fits(tmp_path: Path) -> None:
    assert len(idx(np.zeros((60_000, 28, 28), np.uint8))) == fashion_mnist.LARGEST


def test_a_pipe_is_no_file(small: Path, tmp_path: Path) -> None:
    (small / f"{STEMS[0]}.gz").unlink()
    os.mkfifo(small / f"{STEMS[0]}.gz")
    with pytest.raises(UserError, match=f"lacks {STEMS[0]}"):
        source(tmp_path, small).read()
