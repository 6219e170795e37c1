"""Transparency of every kind of file, against a composition by numpy."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data import png_writer
from tests.data.png_writer import GREY, GREY_ALPHA, PALETTE, RGB, RGB_ALPHA

from snowmelt.data.image_file import read_picture

SIDE = 8


def samples(depth: int, count: int) -> np.ndarray:
    """Random numbers of `depth` bits, in which one pixel occurs four times."""
    drawn = np.random.default_rng(depth).integers(0, 2**depth, (SIDE, SIDE, count))
    drawn[[0, 2, 7], [0, 5, 7]] = drawn[3, 4]
    # One that equals it in the upper half of its bits only.
    drawn[6, 1] = drawn[3, 4] ^ 1
    return drawn


def on_white(levels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Levels 0 to 255 and alpha 0 to 1 on white. (H,W,C), (H,W) -> (3,H,W)"""
    mixed = alpha[..., None] * levels + (1.0 - alpha[..., None]) * 255.0
    return np.broadcast_to(mixed, (SIDE, SIDE, 3)).transpose(2, 0, 1)


def check(path: Path, expected: np.ndarray, most: float = 1.0) -> None:
    found, facts = read_picture(path, size=SIDE, channels=3)
    assert np.abs(found - expected).max() <= most
    assert facts.is_transparent


@pytest.mark.parametrize(
    ("depth", "colour"),
    [(1, GREY), (2, GREY), (4, GREY), (8, GREY), (16, GREY), (8, RGB), (16, RGB)],
)
def test_a_hidden_colour_of_each_depth(tmp_path: Path, depth: int, colour: int) -> None:
    pixels = samples(depth, 3 if colour == RGB else 1)
    hidden = pixels[3, 4]
    name = struct.pack(f">{len(hidden)}H", *hidden)
    path = tmp_path / "a.png"
    path.write_bytes(png_writer.png(pixels, depth, colour, transparent=name))
    shown = (pixels != hidden).any(axis=-1)
    assert 0 < shown.sum() < shown.size - 1
    check(path, on_white(pixels * 255.0 / (2**depth - 1), shown.astype(float)))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("is_table", [False, True])
def test_a_palette_of_each_depth(tmp_path: Path, depth: int, is_table: bool) -> None:
    rng = np.random.default_rng(0)
    count = 2**depth
    palette = rng.integers(0, 256, (count, 3))
    opacity = rng.integers(0, 256, count) if is_table else np.full(count, 255)
    opacity[count // 2] = 0
    pixels = samples(depth, 1)
    pixels[0, :4] = count // 2
    path = tmp_path / "a.png"
    content = png_writer.png(
        pixels,
        depth,
        PALETTE,
        palette=bytes(palette.ravel().tolist()),
        transparent=bytes(opacity.tolist()),
    )
    path.write_bytes(content)
    index = pixels[..., 0]
    check(path, on_white(palette[index], opacity[index] / 255.0))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [GREY_ALPHA, RGB_ALPHA])
def test_an_alpha_channel_of_each_depth(tmp_path: Path, depth: int, colour: int) -> None:
    pixels = samples(depth, 4 if colour == RGB_ALPHA else 2)
    path = tmp_path / "a.png"
    path.write_bytes(png_writer.png(pixels, depth, colour))
    upper = pixels >> (depth - 8)
    check(path, on_white(upper[..., :-1], upper[..., -1] / 255.0))


@pytest.mark.parametrize(
    ("name", "mode", "most", "options"),
    [
        ("a.webp", "RGBA", 1.0, {"lossless": True, "exact": True}),
        ("a.tif", "RGBA", 1.0, {}),
        ("a.tif", "LA", 1.0, {}),
        ("a.tif", "PA", 1.0, {}),
        ("a.gif", "RGBA", 1.0, {}),
        ("a.avif", "RGBA", 8.0, {"quality": 100}),
        ("a.jp2", "RGBA", 1.0, {}),
        ("a.jp2", "LA", 1.0, {}),
        ("a.qoi", "RGBA", 1.0, {}),
    ],
)
def test_other_formats(
    tmp_path: Path, name: str, mode: str, most: float, options: dict[str, object]
) -> None:
    pixels = np.full((SIDE, SIDE, 4), (90, 90, 90, 255), np.uint8)
    pixels[:3, :, 3] = 0
    image = Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / name, **options)
    expected = on_white(pixels[..., :3], pixels[..., 3] / 255.0)
    check(tmp_path / name, expected, most)


def test_a_hidden_colour_and_a_turned_camera(tmp_path: Path) -> None:
    pixels = samples(16, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    path = tmp_path / "a.png"
    name = struct.pack(">3H", *pixels[3, 4])
    before = png_writer.chunk(b"eXIf", body)
    path.write_bytes(png_writer.png(pixels, 16, RGB, transparent=name, before=before))
    shown = (pixels != pixels[3, 4]).any(axis=-1).astype(float)
    check(path, np.rot90(on_white(pixels / 257.0, shown), -1, axes=(1, 2)))


@pytest.mark.parametrize("depth", [8, 16])
def test_a_tiff_whose_zero_is_white(tmp_path: Path, depth: int) -> None:
    levels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    # Pillow turns what it saves with 8 bits, but not with 16.
    stored = levels if depth == 8 else (65535 - levels.astype(np.uint16) * 257)
    Image.fromarray(stored).save(tmp_path / "a.tif", tiffinfo={262: 0})
    found, _ = read_picture(tmp_path / "a.tif", size=8, channels=1)
    assert np.array_equal(found[0], levels)
