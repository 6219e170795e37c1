"""PNG files of any depth, written by hand: Pillow writes few of the kinds that it reads."""

from __future__ import annotations

import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


def chunk(kind: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


def png(
    samples: np.ndarray,
    depth: int,
    colour: int,
    *,
    palette: bytes | None = None,
    transparent: bytes | None = None,
    size: tuple[int, int] | None = None,
    before: bytes = b"",
) -> bytes:
    """The bytes of a PNG file.

    Args:
        samples: unsigned numbers below 2**depth, (H, W, samples a pixel).
        depth: 1, 2, 4, 8 or 16 bits a sample.
        colour: the colour type of the header.
        palette, transparent: the content of the chunks PLTE and tRNS.
        size: what the header claims, (width, height), where that is not the truth.
        before: chunks that stand before the pixels.
    """
    high, wide, _ = samples.shape
    width, height = size or (wide, high)
    shifts = np.arange(depth - 1, -1, -1)
    bits = (samples.astype(np.uint32)[..., None] >> shifts) & 1
    rows = np.packbits(bits.reshape(high, -1).astype(np.uint8), axis=1)
    filtered = b"".join(b"\0" + row.tobytes() for row in rows)
    body = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body += before
    if palette is not None:
        body += chunk(b"PLTE", palette)
    if transparent is not None:
        body += chunk(b"tRNS", transparent)
    body += chunk(b"IDAT", zlib.compress(filtered))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")
