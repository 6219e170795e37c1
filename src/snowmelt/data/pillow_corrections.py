"""What Pillow decodes otherwise than the file says.

A grey or colour PNG can name one level or colour that is hidden (the chunk tRNS), in the
file's own depth. Pillow decodes 2 and 4 bits to 0..255 and 16-bit colour to its upper 8
bits, but keeps the name as it was, so that nothing is hidden, or something else. A TIFF
can say that its level 0 is white; of 16 bits Pillow takes it for black.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

_PHOTOMETRIC = 262  # the TIFF tag; 0 stands for "white is zero"
_STRIP = 2**20  # pixels that are compared at a time
_SCALES = {"L;2": 85, "L;4": 17}  # of the levels 0 to 3 and 0 to 15 to 0 to 255


def loaded(image: ImageFile) -> Image.Image:
    """The decoded image, whose transparency and levels mean what the file says."""
    is_png = image.format == "PNG" and image.tile
    layout = str(image.tile[0].args) if is_png else ""
    if layout == "RGB;16B" and "transparency" in image.info:
        return _deep_colour(image)
    image.load()
    if layout in _SCALES and "transparency" in image.info:
        image.info["transparency"] *= _SCALES[layout]
    if isinstance(image, TiffImageFile) and image.mode == "I;16":
        is_zero_white = image.tag_v2.get(_PHOTOMETRIC) == 0
        return _negative(image) if is_zero_white else image
    return image


def _negative(image: Image.Image) -> Image.Image:
    negative = Image.fromarray(65535 - np.asarray(image))
    negative.info = image.info
    return negative


def _deep_colour(image: ImageFile) -> Image.Image:
    """A 16-bit colour image with the pixels of its transparent colour hidden."""
    tile, *_ = image.tile
    file = image.fp
    assert file is not None
    high = image.copy()
    file.seek(0)
    again = Image.open(file, formats=("PNG",))
    # The same bytes as if their order were the other: the lower halves.
    again.tile = [tile._replace(args="RGB;16L")]
    hidden = np.array(high.info.pop("transparency"))
    shown = Image.new("L", high.size, 255)
    rows = max(1, _STRIP // high.width)
    for top in range(0, high.height, rows):
        box = (0, top, high.width, min(top + rows, high.height))
        upper, lower = (np.asarray(part.crop(box), np.uint16) for part in (high, again))
        differs = (256 * upper + lower != hidden).any(axis=-1)
        shown.paste(Image.fromarray((255 * differs).astype(np.uint8)), (0, top))
    high.putalpha(shown)
    return high
