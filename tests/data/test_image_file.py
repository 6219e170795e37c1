"""One image file to one array, for each kind of file."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.png_writer import GREY, chunk, png

from snowmelt.common import stopping
from snowmelt.data import image_file
from snowmelt.data.image_file import (
    TooLargeImageError,
    UnreadableImageError,
    read_picture,
)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_a_request_to_stop_is_no_fault_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a decoder had begun may fail on the way out, in the place of the request."""

    def interrupted(_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    monkeypatch.setattr(image_file, "_decoded", interrupted)
    with pytest.raises(stopping.Stopped), stopping.in_good_order():
        image_file.decode(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_an_image_of_the_right_size_is_not_changed(tmp_path: Path, suffix: str) -> None:
    pixels = noise(8, 8, 3)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", lossless=True)
    found, facts = read_picture(tmp_path / f"a.{suffix}", size=8, channels=3)
    assert np.array_equal(found, pixels.transpose(2, 0, 1))
    assert (found.dtype.name, facts.is_enlarged) == ("uint8", False)


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
    assert read_picture(tmp_path / "a.png", size=8, channels=1)[1].is_enlarged
    assert not read_picture(tmp_path / "a.png", size=7, channels=1)[1].is_enlarged


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


@pytest.mark.parametrize("content", [b"just text", b"\xff\xd8\xff\xe0"])
def test_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"cannot identify image file$"):
        read_picture(tmp_path / "a.jpg", size=8, channels=3)


def test_other_formats_are_not_even_tried(tmp_path: Path) -> None:
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match="cannot identify"):
        read_picture(tmp_path / "a.png", size=8, channels=3)


def claiming(size: tuple[int, int], before: bytes = b"") -> bytes:
    """A PNG of one grey pixel that claims to have more."""
    return png(np.zeros((1, 1, 1), np.uint8), 8, GREY, size=size, before=before)


@pytest.fixture
def undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decoded: a test that comes to it fails."""
    decoder = "PIL.ImageFile.ImageFile.load"
    monkeypatch.setattr(decoder, lambda _: pytest.fail("it was decoded"))


@pytest.mark.usefixtures("undecoded")
@pytest.mark.parametrize("size", [(8193, 8192), (20_000, 20_000), (1, 2**30)])
def test_a_file_that_claims_to_be_huge(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(claiming(size))
    with pytest.raises(TooLargeImageError, match=r"pixels\) exceeds the limit of 67108864"):
        read_picture(tmp_path / "a.png", size=8, channels=1)


@pytest.mark.usefixtures("undecoded")
@pytest.mark.parametrize(
    "name",
    ["a.jpg", "a.webp", "a.bmp", "a.gif", "a.tif", "a.avif", "a.jp2", "a.ppm", "a.qoi"],
)
def test_every_format_is_limited_before_it_is_decoded(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / name)
    with pytest.raises(
        TooLargeImageError, match=r"\(256 pixels\) exceeds the limit of 255"
    ):
        read_picture(tmp_path / name, size=8, channels=1, max_pixels=255)


def test_the_limit_itself_is_allowed_and_leaves_pillows_alone(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    for side, most in ((3, 9), (4, 16)):
        Image.new("L", (side, side)).save(tmp_path / "a.png")
        read_picture(tmp_path / "a.png", size=2, channels=1, max_pixels=most)
        with pytest.raises(TooLargeImageError):
            read_picture(tmp_path / "a.png", size=2, channels=1, max_pixels=most - 1)
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_larger_limit_than_pillows_own_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", size=2, channels=1, max_pixels=64)[0].shape


def test_tiles_and_frames_that_are_larger_than_the_image(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.gif")
    content = bytearray((tmp_path / "a.gif").read_bytes())
    start = content.index(b",\0\0\0\0\4\0\4\0")  # the frame: its place and size
    content[start + 5 : start + 9] = struct.pack("<HH", 40_000, 40_000)
    (tmp_path / "a.gif").write_bytes(content)
    with pytest.raises(TooLargeImageError, match="1600000000 pixels"):
        read_picture(tmp_path / "a.gif", size=2, channels=1)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_texts_and_profiles_that_unpack_to_much(tmp_path: Path, kind: bytes) -> None:
    text = zlib.compress(bytes(100_000_000), 1)
    heads = {b"zTXt": b"a\0\0", b"iCCP": b"a\0\0", b"iTXt": b"a\0\1\0\0\0"}
    before = chunk(kind, heads[kind] + text)
    (tmp_path / "a.png").write_bytes(claiming((1, 1), before))
    tracemalloc.start()
    with contextlib.suppress(UnreadableImageError):  # or it is read without them
        read_picture(tmp_path / "a.png", size=1, channels=1)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20e6


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    (tmp_path / "c.png").symlink_to("nowhere")
    (tmp_path / "d.png").touch()
    for name, reason in (
        ("a.png", "it is a named pipe, not a file"),
        ("b.png", "it is a device, not a file"),
        ("c.png", "No such file or directory"),
        ("d.png", "the file is empty"),
    ):
        with pytest.raises(UnreadableImageError) as caught:
            read_picture(tmp_path / name, size=8, channels=3)
        assert str(caught.value) == reason


@pytest.mark.parametrize("name", ["a.tif", "a.avif", "a.jp2", "a.ppm", "a.qoi", "a.mpo"])
def test_less_common_formats(tmp_path: Path, name: str) -> None:
    form = "JPEG" if name == "a.mpo" else None
    Image.new("RGB", (16, 16), (200, 100, 50)).save(tmp_path / name, form)
    found, _ = read_picture(tmp_path / name, size=4, channels=3)
    assert np.abs(found.reshape(3, -1).T.astype(int) - [200, 100, 50]).max() <= 3


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif", "a.avif"])
def test_frames_are_counted_and_the_first_is_taken(tmp_path: Path, name: str) -> None:
    frames = [Image.new("L", (4, 4), level) for level in (30, 200, 90)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    found, facts = read_picture(tmp_path / name, size=4, channels=1)
    assert facts.frames == 3
    assert np.abs(found.astype(int) - 30).max() <= 2


def test_of_many_pages_the_first_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_file, "MOST_PAGES", 3)
    for count, counted in ((2, 2), (3, 3), (7, 3)):
        pages = [Image.new("L", (4, 4), 30 + number) for number in range(count)]
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
        found, facts = read_picture(tmp_path / "a.tif", size=4, channels=1)
        assert (facts.frames, found.max()) == (counted, 30)


def test_a_telephones_pair_is_one_picture(tmp_path: Path) -> None:
    pair = [Image.new("L", (16, 16), level) for level in (30, 200)]
    pair[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pair[1:])
    assert read_picture(tmp_path / "a.jpg", size=4, channels=1)[1].frames == 1


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((4, 4), 0.5, np.float32), "floating-point numbers"),
        (np.full((4, 4), 70_000, np.int32), "its levels are 70000 to 70000"),
        (np.full((4, 4), -1, np.int32), "its levels are -1 to -1"),
    ],
)
def test_levels_whose_range_nothing_tells(
    tmp_path: Path, array: np.ndarray, reason: str
) -> None:
    Image.fromarray(array).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match=f"{reason}.*: save it with"):
        read_picture(tmp_path / "a.tif", size=4, channels=1)


def test_levels_are_told_as_the_file_holds_them(tmp_path: Path) -> None:
    deep = np.array([[7, 4000], [9, 20]], np.uint16)
    for name in ("a.png", "a.tif", "a.jp2"):
        Image.fromarray(deep).save(tmp_path / name)
        facts = read_picture(tmp_path / name, size=1, channels=1)[1]
        assert (facts.bits, facts.levels, facts.is_grey) == (16, (7, 4000), True)
    Image.fromarray(np.array([[3, 90], [9, 20]], np.uint8)).save(tmp_path / "b.png")
    facts = read_picture(tmp_path / "b.png", size=1, channels=1)[1]
    assert (facts.bits, facts.levels) == (8, (3, 90))


@pytest.mark.parametrize(
    ("value_range", "dtype", "levels", "expected"),
    [
        ((0, 4095), np.uint16, [0, 4095, 2048, 8], [0, 255, 128, 0]),
        ((100, 355), np.uint16, [100, 355, 101, 300], [0, 255, 1, 200]),
        ((0, 1), np.uint8, [0, 1, 1, 0], [0, 1, 1, 0]),
        ((0, 1), np.uint16, [0, 1, 1, 0], [0, 1, 1, 0]),
        ((5, 16), np.uint8, [5, 16, 7, 8], [5, 16, 7, 8]),
    ],
)
def test_a_range_that_is_said(
    tmp_path: Path,
    value_range: tuple[int, int],
    dtype: type,
    levels: list[int],
    expected: list[int],
) -> None:
    Image.fromarray(np.array(levels, dtype).reshape(2, 2)).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=2, channels=1, value_range=value_range)
    assert found.ravel().tolist() == expected


def test_ringing_and_paper_stay_in_the_range(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 16
    Image.fromarray(mask).save(tmp_path / "a.png", transparency=0)
    found, _ = read_picture(tmp_path / "a.png", size=9, channels=1, value_range=(0, 16))
    assert np.unique(found).tolist() == [16]
    Image.fromarray(mask).save(tmp_path / "a.png")
    found, _ = read_picture(tmp_path / "a.png", size=9, channels=1, value_range=(0, 16))
    assert found.max() == 16


@pytest.mark.parametrize(
    ("value_range", "dtype", "reason"),
    [
        (
            (0, 15),
            np.uint8,
            r"its levels are 3 to 16, outside of .*=0\.\.15",
        ),
        ((4, 99), np.uint16, r"its levels are 3 to 16, outside"),
        ((0, 4095), np.uint8, "it has 8 bits a channel"),
    ],
)
def test_levels_outside_of_it(
    tmp_path: Path, value_range: tuple[int, int], dtype: type, reason: str
) -> None:
    Image.fromarray(np.array([[3, 16], [4, 4]], dtype)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImageError, match=reason):
        read_picture(tmp_path / "a.png", size=1, channels=1, value_range=value_range)


@pytest.mark.parametrize("size", [(1, 1), (100_000, 1), (1, 100_000), (3, 70_000)])
def test_pixels_and_strips(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGBA", size, (90, 90, 90, 255)).save(tmp_path / "a.png")
    found, facts = read_picture(tmp_path / "a.png", size=4, channels=3)
    assert np.unique(found).tolist() == [90]
    assert facts.is_enlarged


def test_parts_that_are_converted_one_by_one_fit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(noise(50, 50, 4)).save(tmp_path / "a.png")
    whole = read_picture(tmp_path / "a.png", size=50, channels=3)[0]
    monkeypatch.setattr(image_file, "_STRIP", 7 * 50)
    assert np.array_equal(read_picture(tmp_path / "a.png", size=50, channels=3)[0], whole)
