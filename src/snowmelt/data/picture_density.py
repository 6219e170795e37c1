"""A picture file as a density: drawn by hand, or a photograph.

The mathematics in `densities` knows numbers only, so what reads files stands here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from snowmelt.common import argument_checks
from snowmelt.common.bounds import NotNegative, Positive, Side
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place, located
from snowmelt.data.image_file import UnreadableImageError, decode, flattened
from snowmelt.densities import Picture


class PictureFile(Picture):
    """What a PNG or JPEG file shows in gray, as a density that is proportional to it.

    The levels are taken as they are stored: a pixel of half the level is half as likely. A
    picture of more pixels than `cells` is reduced by averages over areas, which leave the
    share of each place as it was. A smaller one is not enlarged.

    Args:
        path: the file; a relative path is below `root`.
        dark_is_likely: black stands for the highest density; otherwise white does.
        half_width: the picture reaches from minus this to this; see `Picture`.
        smoothing: see `GridDensity`.
        cells: along the longer side, at most.

    Raises:
        UserError: there is no such file, it is no picture, or none of it is likely.
        ValueError: what a `Picture` refuses.
    """

    def __init__(
        self,
        path: Place,
        dark_is_likely: bool = True,
        half_width: Positive = 1.0,
        smoothing: NotNegative = 0.0,
        cells: Side = 96,
        root: Path = Path(),
    ) -> None:
        argument_checks.text("density.path", path)
        argument_checks.integer("density.cells", cells, least=1)
        if not isinstance(dark_is_likely, bool):
            raise UserError(
                f"density.dark_is_likely must be true or false, got {dark_is_likely!r}"
            )
        file = located(root, path)
        levels = _levels(file, cells)
        likely = 255.0 - levels if dark_is_likely else levels
        if not likely.any():
            shade, other = ("white", "false") if dark_is_likely else ("black", "true")
            raise UserError(
                f"density.path: {file} is {shade} all over, which leaves nothing likely:"
                f" take another picture or density.dark_is_likely={other}"
            )
        super().__init__(likely, half_width, smoothing)


def _levels(path: Path, cells: int) -> Tensor:
    """Gray levels from 0 to 255, the top row first. Shapes: -> (H, W) float64"""
    if not path.exists():
        raise UserError(f"density.path: {path} does not exist: give a PNG or JPEG file")
    try:
        # As floating point, so that averages are not rounded to levels.
        image = flattened(decode(path)[0], "L").convert("F")
    except UnreadableImageError as error:
        raise UserError(
            f"density.path: {path} cannot be read ({error}): give a PNG or JPEG file"
        ) from error
    longest = max(image.size)
    if longest > cells:
        size = [max(1, round(side * cells / longest)) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.BOX)
    return torch.from_numpy(np.array(image, dtype=np.float64))
