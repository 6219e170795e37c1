"""Which files are images: by their ending, or by their first bytes."""

from __future__ import annotations

from pathlib import Path

from snowmelt.common.regular_files import open_regular

# What Pillow may try, whatever a file's name: the formats that data comes in. Others start
# other programs (EPS), have no mark of their own (TGA) or hold something else than
# pictures (PDF). Telephones' MPO opens as JPEG. The most frequent come first.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"),
    *("AVIF", "JPEG2000", "PPM", "QOI", "DIB"),
)
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
    *(".jfif", ".jpe", ".mpo", ".apng", ".dib", ".avifs", ".qoi"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
)

# Marks that no other kind of file begins with. BMP, PPM and TIFF are not among them: a
# text may begin with "BM" or "P3", and a camera's raw file is a TIFF that opens as its
# thumbnail; of these the ending decides.
_MARKS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"qoif"),
    *(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
)


def has_image_ending(name: str) -> bool:
    """Whether a file is called like an image: `a.JPEG`, not `a.txt`."""
    return name.lower().endswith(SUFFIXES)


def begins_like_an_image(path: Path) -> bool:
    """Whether the first bytes of a file are those of an image, whatever its name."""
    try:
        with open_regular(path) as file:
            return is_head_of_an_image(file.read(16))
    except OSError:
        return False


def is_head_of_an_image(head: bytes) -> bool:
    """Whether the first 16 bytes of a file are those of an image."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    is_avif = head[4:12] in (b"ftypavif", b"ftypavis")
    return head.startswith(_MARKS) or is_webp or is_avif
