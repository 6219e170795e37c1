"""Folders of images in a zip or tar file, some of them made to do harm."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.common.errors import UserError
from snowmelt.data.sources import archive
from snowmelt.data.sources.folder import Folder
from snowmelt.data.sources.image_listing import image_files
from snowmelt.data.sources.source import RawData
from snowmelt.data.sources.zip_index import zip_entries

FILES = ("train/dog/1.png", "train/cat/2.png", "test/dog/3.png", "notes.txt")


def png(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def contents() -> dict[str, bytes]:
    return {name: png(seed) for seed, name in enumerate(FILES[:3])} | {FILES[3]: b"text"}


def pack_zip(path: Path, files: dict[str, bytes], method: int = 8) -> Path:
    with zipfile.ZipFile(path, "w", method) as pack:
        pack.writestr(zipfile.ZipInfo("train/"), b"")
        for name, content in files.items():
            pack.writestr(name, content, method)
    return path


def pack_tar(path: Path, files: dict[str, bytes]) -> Path:
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as pack:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            pack.addfile(info, io.BytesIO(content))
    return path


def read(path: Path, on_corrupt: str = "error", scratch: Path | None = None) -> RawData:
    return Folder(
        name="mine", path=str(path), size=4, on_corrupt=on_corrupt, scratch=scratch
    ).read()


def outcome(path: Path) -> int:
    """How many images are read; 0 where the archive is refused, as a user's mistake."""
    try:
        return len(read(path, on_corrupt="skip").examples)
    except UserError:
        return 0


PACKED: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "a.zip": pack_zip,
    "stored.zip": lambda path, files: pack_zip(path, files, 0),
    "a.tar": pack_tar,
    "a.tar.gz": pack_tar,
    "a.tar.bz2": pack_tar,
    "a.tar.xz": pack_tar,
    "any name": pack_zip,
}


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_is_read_like_the_folder_that_it_holds(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    for file, content in contents().items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    plain, packed = read(folder), read(PACKED[name](tmp_path / name, contents()))
    assert np.array_equal(plain.examples, packed.examples)
    assert packed.labels is not None
    assert packed.held_out is not None
    assert plain.labels is not None
    assert packed.labels.tolist() == plain.labels.tolist() == [1, 0, 1]
    assert packed.held_out.tolist() == [True, False, False]
    assert (packed.classes, packed.notes) == (plain.classes, plain.notes)
    assert packed.notes == ("left out: 1 .txt",) or "cat" in packed.notes[0]


def test_what_is_unpacked_lies_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, make = [], tempfile.TemporaryFile
    monkeypatch.setattr(
        tempfile, "TemporaryFile", lambda dir=None: (asked.append(dir), make(dir=dir))[1]
    )
    read(pack_tar(tmp_path / "a.tar.gz", contents()), scratch=tmp_path)
    assert asked
    assert set(asked) == {tmp_path}


def test_nothing_is_unpacked_beside_it(tmp_path: Path) -> None:
    read(pack_tar(tmp_path / "a.tar.gz", contents()))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


OUTSIDE = ("../1.png", "/etc/1.png", "a/../../1.png", "a\\..\\1.png")


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_names_that_lead_out_are_left_out(
    pack: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path
) -> None:
    files = {name: png(9) for name in OUTSIDE} | {"./in//side.png": png(1)}
    raw = read(pack(tmp_path / "a", files))
    assert len(raw.examples) == 1
    assert f"left out: {len(OUTSIDE)} outside of the archive" in raw.notes


def test_links_are_left_out(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as pack:
        pack.writestr(link, "/etc/passwd")
        pack.writestr("1.png", png(1))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo(f"{kind!r}.png")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        info = tarfile.TarInfo("1.png")
        info.size = len(png(1))
        tar.addfile(info, io.BytesIO(png(1)))
    assert "left out: 1 link" in read(tmp_path / "a.zip").notes
    assert "left out: 4 link" in read(tmp_path / "a.tar").notes


def test_an_entry_that_unpacks_to_far_more_than_it_claims(tmp_path: Path) -> None:
    bomb = pack_zip(tmp_path / "a.zip", {"1.png": bytes(50_000_000), "2.png": png(2)})
    content = bomb.read_bytes().replace(struct.pack("<L", 50_000_000), struct.pack("<L", 9))
    bomb.write_bytes(content)
    tracemalloc.start()
    raw = read(bomb, on_corrupt="skip")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(s.file, s.reason) for s in raw.skipped] == [
        ("1.png", "it holds other bytes than the archive says")
    ]
    assert most < 2e6


def test_an_entry_that_claims_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST", 1000)
    packed = pack_zip(tmp_path / "a.zip", {"1.png": bytes(1001), "2.png": png(2)})
    (skipped,) = read(packed, on_corrupt="skip").skipped
    assert skipped.reason == "it claims 1001 bytes, at most 1000 are read"


@pytest.mark.parametrize("name", ["a.zip", "stored.zip", "a.tar"])
def test_only_the_beginning_is_read_to_tell_what_an_entry_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, read_at = [], os.pread
    monkeypatch.setattr(
        os, "pread", lambda fd, count, at: (asked.append(count), read_at(fd, count, at))[1]
    )
    noise = np.random.default_rng(0).bytes(1_000_000)
    files = {"picture": png(1) + noise, "noise": noise, "zeros": bytes(50_000_000)}
    tracemalloc.start()
    packed = PACKED[name](tmp_path / name, files | {"nothing": b""})
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    listing = image_files(packed)
    grown = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert [entry.name for entry in listing.images] == ["picture"]
    assert "left out: 3 without an ending" in listing.notes
    assert max(asked) <= 2**12
    assert grown < 1e6


def test_the_beginning_of_an_entry_is_that_of_the_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(100_000)
    for name, pack in PACKED.items():
        if not name.endswith((".gz", ".bz2", ".xz")):
            found = archive.Archive(pack(tmp_path / name, contents() | {"n": noise}))
            for (_, place), _ in found.members():
                whole = archive.member_bytes(found.file.fileno(), place).read()
                assert archive.member_head(found.file.fileno(), place, 16) == whole[:16]


def test_a_packed_tar_file_that_unpacks_to_far_more_than_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_AT_LEAST", 2**20)
    packed = pack_tar(tmp_path / "a.tar.gz", {"1.png": bytes(30_000_000)})
    with pytest.raises(UserError, match=r"a\.tar\.gz is a file, .* unpack to over"):
        read(packed)


def test_a_heading_of_a_tar_file_that_claims_a_gigabyte(tmp_path: Path) -> None:
    info = tarfile.TarInfo("1.png")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**30
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(UserError, match="a heading of 1073741824 bytes"):
        read(tmp_path / "a.tar")


def test_damaged_bytes_and_foreign_methods_are_told(tmp_path: Path) -> None:
    packed = pack_zip(tmp_path / "a.zip", {"1.png": png(1), "2.png": png(2)}, 0)
    content = bytearray(packed.read_bytes())
    content[content.index(png(1)) + 60] ^= 1
    packed.write_bytes(bytes(content))
    (skipped,) = read(packed, on_corrupt="skip").skipped
    assert skipped.reason == "it holds other bytes than the archive says"
    packed = pack_zip(tmp_path / "b.zip", {"1.png": png(1)}, zipfile.ZIP_LZMA)
    with pytest.raises(UserError, match=r"1\.png: it is packed by method 14"):
        read(packed)


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_a_name_twice_is_refused(
    pack: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path
) -> None:
    packed = pack(tmp_path / "a", {"1.png": png(1), "./1.png": png(2)})
    with pytest.raises(UserError, match=r"holds 1\.png twice: pack it anew"):
        read(packed)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("kept", [0, 1, 30, 200, 0.5])
def test_an_archive_that_is_cut_short(name: str, kept: float, tmp_path: Path) -> None:
    packed = PACKED[name](tmp_path / name, {f"{i}.png": png(i) for i in range(9)})
    content = packed.read_bytes()
    packed.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else int(kept)])
    assert outcome(packed) < 9


def test_every_flipped_byte_ends_in_images_or_one_error(tmp_path: Path) -> None:
    packed = pack_zip(tmp_path / "a.zip", {"1.png": png(1), "d/2.png": png(2)}, 0)
    whole = packed.read_bytes()
    for place in range(0, len(whole), 3):
        for bit in (0x01, 0x80):
            changed = bytearray(whole)
            changed[place] ^= bit
            packed.write_bytes(bytes(changed))
            assert outcome(packed) <= 2


def test_the_directory_is_read_as_the_standard_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.comment = b"a comment"
        for name in ("ä/1.png", "2.png", "x" * 200):
            info = zipfile.ZipInfo(name)
            info.comment, info.extra = b"word", struct.pack("<2H4s", 0x7777, 4, b"abcd")
            with pack.open(info, "w", force_zip64=name == "2.png") as entry:
                entry.write(png(1))
    path.write_bytes(b"#!something before it\n" + path.read_bytes())
    with zipfile.ZipFile(path) as pack, path.open("rb") as file:
        wanted = [
            (i.filename, i.header_offset, i.compress_size, i.file_size, i.CRC)
            for i in pack.infolist()
        ]
        found = [(e.name, e.offset, e.packed, e.size, e.crc) for e in zip_entries(file)]
    assert found == wanted


def test_an_archive_of_more_than_65535_entries(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as pack:
        for number in range(65_540):
            pack.writestr(f"{number}", b"")
    with path.open("rb") as file:
        assert sum(1 for _ in zip_entries(file)) == 65_540


def test_a_pipe_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    with pytest.raises(UserError, match=r"a\.zip cannot be read \(it is a named pipe"):
        read(tmp_path / "a.zip")
