"""Samples as PNG files, for programs and people that look at files.

They are entries of zip files: fifty thousand files in a folder would be as many for DVC to
compare, for the tracker to send and for the record to name by digest, and a folder that is
half there looks like a whole one. Entries are numbered by their samples, and not compressed
a second time. A zip file is named by its first sample and holds a bounded number of them,
since the library keeps an object for each entry until the file is whole.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from snowmelt.common.array_files import in_parts
from snowmelt.common.errors import UserError

MOST = 10_000  # images in one zip file
_DIGITS = 6  # of a number, at least
# Always the same, so that equal images give equal bytes.
_TIME = (1980, 1, 1, 0, 0, 0)
_PERMISSIONS = 0o100644 << 16  # where Unix has them
_CHANNELS = (1, 3)


def check(wanted: int | Literal["all"], shape: Sequence[int]) -> None:
    """Refuse PNG files of samples that are no images of one or three channels.

    Args:
        shape: of one sample, (C, H, W) or (D,).

    Raises:
        UserError: naming the key.
    """
    if wanted == 0:
        return
    if len(shape) == 1:
        raise UserError(
            f"sample.png={wanted}, but the data is points, which are no images: set"
            " sample.png=0"
        )
    if shape[0] not in _CHANNELS:
        raise UserError(
            f"sample.png={wanted}, but images of {shape[0]} channels are neither gray nor"
            " colour: set sample.png=0, and read samples.npy"
        )


def write(
    folder: Path,
    samples: NDArray[np.uint8],
    value_range: tuple[int, int],
    mark: Callable[[], None] = lambda: None,
) -> None:
    """Write images as PNG files in zip files, the lowest level black, the highest white.

    Args:
        folder: of the zip files, which are images-000000.zip, images-010000.zip, ...
        mark: called after each image.

    Shapes:
        samples: (N, C, H, W), C = 1 or 3

    Raises:
        OSError: the disk is full.
    """
    digits = max(_DIGITS, len(str(len(samples) - 1)))
    levels = _shown(value_range)
    with tqdm(total=len(samples), desc="png", unit="image", leave=False) as bar:
        for first in range(0, len(samples), MOST):
            with zipfile.ZipFile(folder / f"images-{first:0{digits}}.zip", "w") as archive:
                for number, image in _numbered(samples[first : first + MOST], first):
                    entry = _entry(f"{number:0{digits}}.png")
                    archive.writestr(entry, _png(levels[image]))
                    bar.update()
                    mark()


def _numbered(
    images: NDArray[np.uint8], first: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Images and their numbers, from `first` on."""
    for start, part in in_parts(images):
        yield from enumerate(part, first + start)


def _entry(name: str) -> zipfile.ZipInfo:
    """The heading of an entry that is stored as it is."""
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = _PERMISSIONS
    return entry


def _shown(value_range: tuple[int, int]) -> NDArray[np.uint8]:
    """What each stored level is shown as, (256,)."""
    low, high = value_range
    share = (np.arange(256) - low) / max(high - low, 1)
    return np.rint(255 * share.clip(0, 1)).astype(np.uint8)


def _png(image: NDArray[Any]) -> bytes:
    """One image (C, H, W) as a PNG file."""
    pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if len(image) == 1 else pixels).save(stream, "png")
    return stream.getvalue()
