"""MNIST and Fashion-MNIST in small: the idx format, the places, the digests."""

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
from snowmelt.data.sources import idx_files
from snowmelt.data.sources.fashion_mnist import FashionMnist
from snowmelt.data.sources.idx_files import IdxFiles
from snowmelt.data.sources.mnist import Mnist

STEMS = tuple(FashionMnist.digests)
DEBIAN = FashionMnist.debian


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 4, 5), dtype=np.uint8)
    labels = np.arange(10, dtype=np.uint8)
    parts = (images[:6], labels[:6], images[6:], labels[6:])
    return dict(zip(STEMS, parts, strict=True))


@pytest.fixture(params=[FashionMnist, Mnist])
def kind(request: pytest.FixtureRequest) -> type[IdxFiles]:
    return request.param  # type: ignore[no-any-return]


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
    for kind in (FashionMnist, Mnist):
        monkeypatch.setattr(kind, "digests", digests)
        monkeypatch.setattr(kind, "mirrors", (f"{tmp_path.as_uri()}/offline/",))
    monkeypatch.setattr(
        FashionMnist, "debian", (tmp_path / "none", "dataset-fashion-mnist")
    )
    return folder


def source(
    root: Path, path: Path | None = None, kind: type[IdxFiles] = FashionMnist
) -> IdxFiles:
    name = None if path is None else str(path)
    return kind(name="some", path=name, root=root)


def check(found: IdxFiles) -> None:
    raw = found.read()
    parts = list(arrays().values())
    assert np.array_equal(raw.examples[:, 0], np.concatenate([parts[0], parts[2]]))
    assert raw.labels is not None
    assert raw.labels.tolist() == list(range(10))
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [False] * 6 + [True] * 4
    assert (raw.value_range, len(raw.classes or ())) == ((0, 255), 10)


def test_packed_and_unpacked_files(
    small: Path, tmp_path: Path, kind: type[IdxFiles]
) -> None:
    check(source(tmp_path, small, kind))
    packed = small / f"{STEMS[0]}.gz"
    (small / STEMS[0]).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    check(source(tmp_path, small, kind))


def test_debians_folder_comes_next(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FashionMnist, "debian", (small, "some"))
    check(source(tmp_path))
    assert not (tmp_path / "data").exists()


def test_fetched_once(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrors = (f"{tmp_path.as_uri()}/offline/", f"{small.as_uri()}/")
    monkeypatch.setattr(FashionMnist, "mirrors", mirrors)
    check(source(tmp_path))
    kept = sorted(path.name for path in (tmp_path / FashionMnist.downloads).iterdir())
    assert kept == sorted(f"{stem}.gz" for stem in STEMS)
    monkeypatch.setattr(FashionMnist, "mirrors", ())
    check(source(tmp_path))


def test_offline_says_what_to_do(small: Path, tmp_path: Path, kind: type[IdxFiles]) -> None:
    with pytest.raises(UserError) as caught:
        source(tmp_path, kind=kind).read()
    message = str(caught.value)
    assert message.startswith(f"{kind.title} is not on this machine")
    assert str(tmp_path / kind.downloads) in message
    assert ("dataset-fashion-mnist" in message) == (kind is FashionMnist)
    assert "data.path" in message
    assert "\n" not in message
    assert all(f"{stem}.gz" in message for stem in STEMS)


@pytest.mark.parametrize("content", [b"<html>please log in</html>", idx(np.zeros(3, "u1"))])
def test_a_wrong_download_is_not_kept(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(FashionMnist, "mirrors", (f"{small.as_uri()}/",))
    (small / f"{STEMS[0]}.gz").write_bytes(content)
    with pytest.raises(UserError) as caught:
        source(tmp_path).read()
    message = str(caught.value)
    assert hashlib.sha256(content).hexdigest() in message
    assert FashionMnist.digests[STEMS[0]] in message
    assert f"{STEMS[0]}.gz is not Fashion-MNIST" in message
    assert not (tmp_path / FashionMnist.downloads).exists()


def test_a_download_that_is_cut_short_is_not_kept(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FashionMnist, "mirrors", (f"{small.as_uri()}/",))
    file = small / f"{STEMS[0]}.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"{STEMS[0]}.gz is damaged"):
        source(tmp_path).read()
    assert not (tmp_path / FashionMnist.downloads).exists()


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


@pytest.mark.skipif(DEBIAN is None or not DEBIAN[0].is_dir(), reason="no Debian package")
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
    monkeypatch.setattr(idx_files, "LARGEST", 10_000)
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
    assert len(idx(np.zeros((60_000, 28, 28), np.uint8))) == idx_files.LARGEST


def test_a_pipe_is_no_file(small: Path, tmp_path: Path) -> None:
    (small / f"{STEMS[0]}.gz").unlink()
    os.mkfifo(small / f"{STEMS[0]}.gz")
    with pytest.raises(UserError, match=f"lacks {STEMS[0]}"):
        source(tmp_path, small).read()


def test_28_pixels_become_32_by_a_margin_of_zeros(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(small)
    with monkeypatch.context() as smaller:
        smaller.setattr(FashionMnist, "stored_shape", lambda _: (1, 4, 5))
        raw = FashionMnist(name="some", path=path, pad_to=8, root=tmp_path).read()
    assert raw.examples.shape == (10, 1, 8, 8)
    whole = raw.examples[:]
    assert np.array_equal(
        whole[:, 0, 2:6, 1:6], source(tmp_path, small).read().examples[:, 0]
    )
    whole[:, 0, 2:6, 1:6] = 0
    assert whole.max() == 0
    assert FashionMnist(name="some", pad_to=32).event_shape() == (1, 32, 32)
    with pytest.raises(UserError, match=r"data\.pad_to=27 is less than the images, 28x28"):
        FashionMnist(name="some", pad_to=27).event_shape()


def test_some_classes_alone(small: Path, tmp_path: Path) -> None:
    chosen = ["Bag", "Trouser", "Sneaker"]
    raw = FashionMnist(name="some", path=str(small), classes=chosen, root=tmp_path).read()
    assert raw.classes == ("Trouser", "Sneaker", "Bag")
    assert raw.labels is not None
    assert raw.labels.tolist() == [0, 1, 2]
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [False, True, True]
    whole = source(tmp_path, small).read().examples
    assert np.array_equal(raw.examples[:], whole[[1, 7, 8]])


def test_one_class_is_no_class(small: Path, tmp_path: Path) -> None:
    raw = FashionMnist(name="some", path=str(small), classes=["Bag"], root=tmp_path).read()
    assert (raw.labels, raw.classes) == (None, None)
    assert raw.notes == ("all images are of the class Bag: no classes",)


def test_a_class_that_is_not_there(small: Path, tmp_path: Path) -> None:
    for classes, said in ([["Bags"], "no class 'Bags' .did you mean 'Bag'"], [[], "empty"]):
        mine = {"name": "some", "path": str(small), "root": tmp_path}
        with pytest.raises(UserError, match=f"data.classes.*{said}"):
            FashionMnist(**mine, classes=classes).read()
