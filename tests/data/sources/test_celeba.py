"""CelebA in small: its archive, its tables, its digests."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.sources.stopped_prepare import stop_after

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.data.sources import celeba, image_source
from snowmelt.data.sources.celeba import ATTRIBUTES, IMAGES, SPLIT, CelebA
from snowmelt.data.sources.kept_rows import keeping

NAMES = [f"{number:06}.jpg" for number in range(1, 7)]
PARTS = (0, 0, 0, 1, 2, 2)
SMILING = (1, -1, 1, 1, -1, -1)


def jpeg(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (178, 218), (level, 0, 255 - level)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with zipfile.ZipFile(tmp_path / IMAGES, "w") as pack:
        pack.writestr("img_align_celeba/", b"")
        for number in reversed(range(6)):
            pack.writestr(f"img_align_celeba/{NAMES[number]}", jpeg(40 * number))
    lines = [f"{name} {part}" for name, part in zip(NAMES, PARTS, strict=True)]
    (tmp_path / SPLIT).write_text("\n".join(lines) + "\n")
    lines = [f"{name}  1 {smile:2}" for name, smile in zip(NAMES, SMILING, strict=True)]
    head = ["6", "Young Smiling "]
    (tmp_path / ATTRIBUTES).write_text("\n".join([*head, *lines]) + "\n")
    accept(tmp_path, monkeypatch)
    return tmp_path


def accept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files of a folder pass for the official ones."""
    digests = {
        path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }
    monkeypatch.setattr(celeba, "official_digests", lambda: digests)


def test_images_split_and_an_attribute(folder: Path) -> None:
    raw = CelebA(name="faces", path=str(folder), size=8, attribute="Smiling").read()
    assert raw.examples.shape == (6, 3, 8, 8)
    wanted = [40 * number for number in range(6)]
    assert abs(raw.examples[:, 0, 4, 4].astype(int) - wanted).max() <= 2
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [False] * 3 + [True] * 3
    assert raw.labels is not None
    assert raw.labels.tolist() == [1, 0, 1, 1, 0, 0]
    assert raw.classes == ("not Smiling", "Smiling")


def test_without_an_attribute_its_table_is_not_needed(folder: Path) -> None:
    (folder / ATTRIBUTES).unlink()
    raw = CelebA(name="faces", path=str(folder), size=8, gray=True).read()
    assert (raw.labels, raw.examples.shape) == (None, (6, 1, 8, 8))


def test_an_attribute_that_is_not_there(folder: Path) -> None:
    faces = CelebA(name="faces", path=str(folder), size=8, attribute="Smilin")
    with pytest.raises(UserError, match=r"no attribute 'Smilin' .did you mean 'Smiling'"):
        faces.read()


def test_what_is_wrong_with_a_name_is_told_before_hours_of_decoding(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("the images were decoded first")

    monkeypatch.setattr(image_source, "decode_all", decode)
    with pytest.raises(UserError, match="no attribute"):
        CelebA(name="faces", path=str(folder), size=8, attribute="Smilin").read()
    with pytest.raises(UserError, match=r"data\.pad_to=4 is less"):
        CelebA(name="faces", path=str(folder), size=8, pad_to=4).read()


def test_missing_files_are_named_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        CelebA(name="faces", root=tmp_path).read()
    said = str(caught.value)
    assert f"put {IMAGES}, {SPLIT} into {tmp_path / 'data/downloads/celeba'}" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", [IMAGES, SPLIT])
def test_other_bytes_are_refused(name: str, folder: Path) -> None:
    with (folder / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(UserError, match=f"not the official {name}, or is damaged: its MD5"):
        CelebA(name="faces", path=str(folder), size=8).read()


@pytest.mark.parametrize(
    "change", [lambda s: s.replace("000002", "000009"), lambda s: s[:-13]]
)
def test_a_table_of_other_images(
    change: object, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(change)
    (folder / SPLIT).write_text(change((folder / SPLIT).read_text()))
    accept(folder, monkeypatch)
    with pytest.raises(UserError, match=f"{SPLIT} does not go with {IMAGES}"):
        CelebA(name="faces", path=str(folder), size=8).read()


def test_torchvision_knows_the_digests() -> None:
    digests = celeba.official_digests()
    assert {IMAGES, SPLIT, ATTRIBUTES} <= digests.keys()
    assert all(len(digest) == 32 for digest in digests.values())


def test_the_official_split_is_not_to_be_changed() -> None:
    with pytest.raises(UserError, match=r"data\.held_out_fraction must be null.*0\.1"):
        CelebA(name="faces", held_out_fraction=0.1)


def test_the_shape_is_known_before_reading() -> None:
    assert CelebA(name="f", size=16, gray=True, pad_to=20).event_shape() == (1, 20, 20)
    assert np.prod(CelebA(name="f").event_shape() or ()) == 3 * 64 * 64


@pytest.mark.usefixtures("few_are_many")
def test_one_that_was_stopped_goes_on(
    folder: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_source, "FEW", 5)
    kept = folder / "kept"

    def examples() -> np.ndarray:
        with keeping(kept) as rows:
            faces = CelebA(name="faces", path=str(folder), size=8, kept=rows)
            return np.array(faces.read().examples)

    with monkeypatch.context() as patch:
        stop_after(1, patch)
        with pytest.raises(stopping.Stopped, match="after 4 of 6 images, which are kept"):
            examples()
    whole = CelebA(name="faces", path=str(folder), size=8).read().examples
    decoded.clear()
    assert np.array_equal(examples(), whole)
    assert decoded == [f"img_align_celeba/{name}" for name in NAMES[4:]]
