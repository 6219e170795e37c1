"""A glance at prepared data: a grid of images, or a scatter of points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from snowmelt.data.manifest import Manifest
from snowmelt.data.scaling import to_unit

_SIDE = 8
_CELL = 64
_GAP = 2
_PAPER = 128
_MOST_POINTS = 5000


def draw(path: Path, examples: np.ndarray, manifest: Manifest) -> None:
    """Draw some examples into a PNG file; the first rows, which are in random order.

    Args:
        path: the file to write.
        examples: images (N, C, H, W) or points (N, D), as stored.
        manifest: of the data set that they belong to.
    """
    if manifest.kind == "images":
        images = torch.from_numpy(np.array(examples[: _SIDE**2]))
        grid(to_unit(images, manifest).numpy()).save(path)
    else:
        _scatter(path, examples[:_MOST_POINTS], manifest.name)


def grid(images: np.ndarray) -> Image.Image:
    """Rows of eight images on grey, small ones enlarged by whole pixels.

    Args:
        images: in [0, 1], (N, C, H, W), C = 1 or 3.
    """
    count, channels, height, width = images.shape
    scale = max(1, _CELL // max(height, width))
    levels = np.rint(255 * images).astype(np.uint8)
    cells = levels.repeat(scale, axis=2).repeat(scale, axis=3)
    rows, columns = -(-count // _SIDE), min(count, _SIDE)
    step_y, step_x = height * scale + _GAP, width * scale + _GAP
    shape = (rows * step_y + _GAP, columns * step_x + _GAP, channels)
    sheet = np.full(shape, _PAPER, np.uint8)
    for index, cell in enumerate(cells):
        row, column = divmod(index, _SIDE)
        top, left = row * step_y + _GAP, column * step_x + _GAP
        place = sheet[top : top + cell.shape[1], left : left + cell.shape[2]]
        place[:] = cell.transpose(1, 2, 0)
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def _scatter(path: Path, points: np.ndarray, name: str) -> None:
    """The first two coordinates, or a histogram if there is but one."""
    figure = Figure(figsize=(5, 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if points.shape[1] == 1:
        axes.hist(points[:, 0], bins=80)
    else:
        axes.scatter(points[:, 0], points[:, 1], s=2, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(name)
    # The default metadata name the version of matplotlib, which is no part of the data.
    figure.savefig(path, metadata={"Software": None})
