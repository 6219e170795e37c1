"""Samples side by side: those of every setting, from the same noise at the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snowmelt.evaluation.number_format import number
from snowmelt.viz.plots import image_grid, point_scatter
from snowmelt.viz.report.embedded_pictures import picture_address, plot_address
from snowmelt.viz.style import png_bytes
from snowmelt.viz.sweep_page.moment import Moment
from snowmelt.viz.sweep_page.sweep_material import Array, SweepMaterial
from snowmelt.viz.sweep_page.swept_settings import MOST, SweptSetting, of_one_seed
from snowmelt.viz.sweep_page.training_section import curve_of

COLUMNS, ROWS = 6, 4  # of images of a setting
MOMENT_COLUMNS, MOMENT_ROWS = 4, 4
MOST_MOMENTS = 12
MOST_BYTES = 5_000_000  # of all moments
WIDTH = 400  # pixels of a tile
Limits = tuple[float, float, float]


@dataclass(frozen=True)
class Tile:
    """Samples of one setting.

    Attributes:
        label: the setting.
        address: of the picture, with all of its bytes.
        alt: what it shows.
        note: what else is known of them.
    """

    label: str
    address: str
    alt: str
    note: str = ""


@dataclass(frozen=True)
class MomentTiles:
    """The settings at one moment of their training."""

    told: str
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class _Look:
    """How arrays are drawn: images by their range of values, points within limits."""

    value_range: tuple[int, int] | None
    limits: Limits

    def address(self, samples: Array, columns: int, rows: int) -> str:
        if self.value_range is None:
            figure = point_scatter.small_cloud(np.asarray(samples), self.limits)
            return plot_address(png_bytes(figure))
        few = np.asarray(samples[: columns * rows])
        scale = min(
            max(1, WIDTH // (columns * (few.shape[3] + 2))), image_grid.LARGEST_PIXEL
        )
        grid = image_grid.image_grid(few, self.value_range, columns, scale)
        return picture_address(image_grid.no_wider(grid, WIDTH))

    def what(self, samples: Array, columns: int, rows: int) -> str:
        if self.value_range is None:
            return f"{len(samples):,} points"
        return f"{min(len(samples), columns * rows)} images"


def sample_tiles(material: SweepMaterial, settings: Sequence[SweptSetting]) -> list[Tile]:
    """What was measured: the first samples of each setting, after real examples."""
    chosen = of_one_seed([one for one in settings[:MOST] if _sampled(one)])
    chosen = [one for one in chosen if one.runs[0].samples is not None]
    if not chosen:
        return []
    clouds = [one.runs[0].samples for one in chosen]
    look = _Look(material.value_range, _limits(material, clouds))
    shown: list[tuple[str, Array | None, str]] = [
        (one.label, one.runs[0].samples, f"seed {one.runs[0].job.seed}") for one in chosen
    ]
    if material.real is not None:
        shown = [("real", material.real, "training examples"), *shown]
    return [
        Tile(
            label, look.address(samples, COLUMNS, ROWS),
            f"{look.what(samples, COLUMNS, ROWS)}, {label}", note,
        )
        for label, samples, note in shown
        if samples is not None
    ]  # fmt: skip


def _sampled(setting: SweptSetting) -> bool:
    return any(run.samples is not None for run in setting.runs)


def moment_tiles(
    material: SweepMaterial, settings: Sequence[SweptSetting]
) -> list[MomentTiles]:
    """Samples of the trainings on their way, moment by moment; the last is the end."""
    some = [one for one in settings[:MOST] if any(run.moments for run in one.runs)]
    chosen = [one for one in of_one_seed(some) if one.runs[0].moments]
    every = sorted({moment for one in chosen for moment in one.runs[0].moments})
    moments = [every[number] for number in point_scatter.evenly(len(every), MOST_MOMENTS)]
    if len(moments) < 2:
        return []
    last = [one.runs[0].moments[max(one.runs[0].moments)] for one in chosen]
    look = _Look(material.value_range, _limits(material, last))
    for rows in range(MOMENT_ROWS, 0, -1):
        found = [_moment(moment, chosen, look, rows) for moment in moments]
        if sum(len(tile.address) for one in found for tile in one.tiles) <= MOST_BYTES:
            break
    return found


def _moment(
    moment: Moment, settings: Sequence[SweptSetting], look: _Look, rows: int
) -> MomentTiles:
    tiles = []
    for one in settings:
        run = one.runs[0]
        if moment not in run.moments:
            continue
        samples = run.moments[moment]
        what = look.what(samples, MOMENT_COLUMNS, rows)
        alt = f"{what}, {one.label} at {moment.told}"
        note = "" if moment.is_share else _losses(one, moment.at)
        address = look.address(samples, MOMENT_COLUMNS, rows)
        tiles.append(Tile(one.label, address, alt, note))
    return MomentTiles(moment.told, tiles)


def _losses(setting: SweptSetting, step: int) -> str:
    """The losses that were last measured at a step."""
    told = []
    for column, name in (("loss", "loss"), ("held_out_loss", "held out")):
        if (curve := curve_of(setting.runs[0], column)) is not None:
            before = np.flatnonzero(curve[0] <= step)
            if len(before):
                told.append(f"{name} {number(float(curve[1][before[-1]]))}")
    return ", ".join(told)


def _limits(material: SweepMaterial, clouds: Sequence[Array | None]) -> Limits:
    """Those of points, by the real ones where these are known."""
    known = [np.asarray(cloud) for cloud in clouds if cloud is not None]
    if material.value_range is not None:
        return 0.0, 0.0, 1.0
    near = [np.asarray(material.real)] if material.real is not None else known
    return point_scatter.limits(near, [*near, *known])
