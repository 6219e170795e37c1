"""Samples as PNG files, for programs and people that look at files.

They are entries of one zip file: fifty thousand files in a folder would be as many for DVC
to compare, for the tracker to send and for the record to name by digest, and a folder that
is half there looks like a whole one. The zip file is one name with one digest. Its entries
are numbered by their samples, and not compressed a second time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from snowmelt.common.array_files import in_parts
from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.sampling.storage.zip_writer import ZipWriter

NAME = "images.zip"
_DIGITS = 6  # of a number, at least
_MODES = {1: "L", 3: "RGB"}


def check(wanted: int | Literal["all"], manifest: Manifest) -> None:
    """Refuse PNG files of samples that are no images of one or three channels.

    Raises:
        UserError: naming the key.
    """
    if wanted == 0:
        return
    if manifest.kind != "images":
        raise UserError(
            f"sample.png={wanted}, but '{manifest.name}' is points, which are no images:"
            " set sample.png=0"
        )
    if manifest.shape[0] not in _MODES:
        raise UserError(
            f"sample.png={wanted}, but images of {manifest.shape[0]} channels are neither"
            " gray nor colour: set sample.png=0, and read samples.npy"
        )


def write(
    target: Path,
    samples: NDArray[np.uint8],
    value_range: tuple[int, int],
    mark: Callable[[], None] = lambda: None,
) -> None:
    """Write images as PNG files in one zip file, the lowest level black, the highest white.

    Args:
        mark: called after each image.

    Shapes:
        samples: (N, C, H, W), C = 1 or 3

    Raises:
        OSError: the disk is full.
    """
    digits = max(_DIGITS, len(str(len(samples) - 1)))
    levels = _shown(value_range)
    with (
        ZipWriter(target) as archive,
        tqdm(total=len(samples), desc="png", unit="image", leave=False) as bar,
    ):
        for start, part in in_parts(samples):
            for number, image in enumerate(part, start):
                archive.add(f"{number:0{digits}}.png", _png(levels[image]))
                bar.update()
                mark()


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
