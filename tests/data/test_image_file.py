"""One image file to one array, for each kind of file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.data.image_file import UnreadableImageError, read_picture


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_an_image_of_the_right_size_is_not_changed(tmp_path: Path, suffix: str) -> None:
    pixels = noise(8, 8, 3)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", lossless=True)
    found, enlarged = read_picture(tmp_path / f"a.{suffix}", size=8, channels=3)
    assert np.array_equal(found, pixels.transpose(2, 0, 1))
    assert (found.dtype.name, enlarged) == ("uint8", False)


@pytest.mark.parametrize(("suffix", "off"), [("gif", 0), ("jpg", 2)])
def test_plain_colours_of_other_formats(tmp_path: Path, suffix: str, off: int) -> None:
    Image.new("RGB", (20, 20), (200, 100, 50)).save(tmp_path / f"a.{suffix}")
    found, _ = read_picture(tmp_path / f"a.{suffix}", size=4, channels=3)
    assert np.abs(found.reshape(3, -1).T.astype(int) - [200, 100, 50]).max() <= off


def test_grey_is_the_luma(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (200, 100, 50)).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=4, channels=1)
    assert found.shape == (1, 4, 4)
    assert np.unique(found).tolist() == [round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)]


def test_grey_files_become_colour_if_asked(tmp_path: Path) -> None:
    pixels = noise(4, 4)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=4, channels=3)
    assert np.array_equal(found, np.stack([pixels] * 3))


@pytest.mark.parametrize("shape", [(4, 10), (10, 4), (4, 11)])
def test_the_middle_square_is_taken(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = noise(*shape)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=4, channels=1)
    top, left = (shape[0] - 4) // 2, (shape[1] - 4) // 2
    assert np.array_equal(found[0], pixels[top : top + 4, left : left + 4])


def test_what_is_cropped_does_not_bleed_into_the_result(tmp_path: Path) -> None:
    pixels = np.zeros((32, 96), np.uint8)
    pixels[:, 32:64] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=8, channels=1)
    assert np.unique(found).tolist() == [200]


def test_fine_stripes_become_their_mean(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64), np.uint8)
    pixels[:, ::2] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=8, channels=1)
    # Without antialiasing a pixel would be 0 or 200; the border sees half a stripe.
    assert np.unique(found[:, :, 1:-1]).tolist() == [100]


def test_enlarging_is_reported(tmp_path: Path) -> None:
    Image.new("L", (20, 7)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", size=8, channels=1)[1]
    assert not read_picture(tmp_path / "a.png", size=7, channels=1)[1]


def test_transparent_is_white(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0] = 90
    pixels[:2, :, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=4, channels=3)
    assert np.unique(found[0, :2]).tolist() == [90]
    assert np.unique(found[1, :2]).tolist() == [0]
    assert np.unique(found[:, 2:]).tolist() == [255]


def test_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png", transparency=0)
    found, _ = read_picture(tmp_path / "a.png", size=2, channels=3)
    assert found[:, 0, 0].tolist() == [255, 255, 255]
    assert found[:, 0, 1].tolist() == [40, 50, 60]


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    deep = np.array([[0, 65535], [257 * 200, 257 * 100 + 200]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=2, channels=1)
    assert found[0].tolist() == [[0, 255], [200, 101]]


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1").save(
        tmp_path / "a.png"
    )
    found, _ = read_picture(tmp_path / "a.png", size=2, channels=1)
    assert found[0].tolist() == [[0, 255], [255, 0]]


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    found, _ = read_picture(tmp_path / "a.jpg", size=4, channels=3)
    assert np.abs(found.reshape(3, -1).T.astype(int) - [255, 0, 0]).max() <= 3


def test_exif_orientation_is_followed(tmp_path: Path) -> None:
    pixels = noise(4, 4)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found, _ = read_picture(tmp_path / "a.png", size=4, channels=1)
    assert np.array_equal(found[0], np.rot90(pixels, -1))


def test_the_first_frame_of_a_film(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), level) for level in (30, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found, _ = read_picture(tmp_path / "a.gif", size=4, channels=1)
    assert np.unique(found).tolist() == [30]


def test_the_first_picture_of_a_telephones_pair(tmp_path: Path) -> None:
    pair = [Image.new("L", (16, 16), level) for level in (30, 200)]
    pair[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pair[1:])
    found, _ = read_picture(tmp_path / "a.jpg", size=4, channels=1)
    assert np.abs(found.astype(int) - 30).max() <= 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp"])
def test_cut_short(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise(64, 64, 3)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableImageError):
        read_picture(path, size=8, channels=3)


@pytest.mark.parametrize("content", [b"", b"just text", b"\xff\xd8\xff\xe0"])
def test_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"cannot identify image file$"):
        read_picture(tmp_path / "a.jpg", size=8, channels=3)


def test_other_formats_are_not_even_tried(tmp_path: Path) -> None:
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match="cannot identify"):
        read_picture(tmp_path / "a.png", size=8, channels=3)


@pytest.mark.parametrize("side", [13_500, 60_000])
def test_a_file_that_claims_to_be_huge(tmp_path: Path, side: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))
    with pytest.raises(UnreadableImageError, match="pixels"):
        read_picture(tmp_path / "a.png", size=8, channels=1)
