"""The section on memorisation: the nearest pairs, and how near all of them are."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from snowmelt.evaluation.catalogue.readings import Reading, readings
from snowmelt.evaluation.excess import Excess
from snowmelt.viz.plots.nearest_pairs import nearest_distances
from snowmelt.viz.report import embedded_pictures
from snowmelt.viz.report.report_material import Material

# Shares of which a model that does not know its training data has one half, by the key of
# metrics.json: what more of them says, and what fewer.
HALVES = {
    "nearer_train_share": (
        "the samples lean towards what was trained on",
        "the samples lean towards what was held out",
    ),
    "near_share": (
        "the samples are nearer to training data than new real ones are",
        "the samples are farther from training data than new real ones are",
    ),
}
# Those that stand beside the shares of real data.
BESIDE_REAL = ("memorised_share", "memorised_share_pixels", "copied_share")
TOLD = (*HALVES, *BESIDE_REAL)


@dataclass(frozen=True)
class MemorisationSection:
    """The section.

    Attributes:
        pairs: the address of the picture of pairs; empty of points.
    """

    sentences: list[str]
    figure: Markup
    pairs: str


def memorisation(material: Material) -> MemorisationSection | None:
    """None where no distances were kept, as of completed examples."""
    arrays = material.truth.get("nearest")
    if not arrays:
        return None
    said = sentences(material)
    words = "; ".join(said) or "distances of samples and of held-out examples"
    figure = embedded_pictures.inline_plot(nearest_distances(arrays), "nearest", words)
    content = material.pictures.get("nearest")
    pairs = embedded_pictures.png_address(content) if content else ""
    return MemorisationSection(said, figure, pairs)


def sentences(material: Material) -> list[str]:
    """What the shares say of copies, with their intervals.

    A measure that found nothing speaks for itself alone: another may have found something.
    """
    known = {reading.key: reading for reading in readings(material.metrics)}
    said = []
    for key in TOLD:
        reading = known.get(key)
        if reading is None or reading.floor is None or not reading.spread:
            continue
        # Without an error of its own, that of the real ones is in the spread.
        real = reading.floor, reading.floor_spread or 0.0
        found = Excess.over(real, (reading.value, reading.spread))
        low, high = Excess(reading.value, reading.spread).interval
        of_samples = f"{100 * reading.value:.1f} % of the samples ({_interval(low, high)})"
        beside, verdict = (_of_half if key in HALVES else _of_copies)(reading, found)
        name = f"{reading.label[0].upper()}{reading.label[1:]}"
        said.append(f"{name}: {of_samples}, {beside}: {verdict}.")
    return said


def _of_half(reading: Reading, found: Excess) -> tuple[str, str]:
    """What one half is due of, and what the share says beside it."""
    beside = f"where {100 * (reading.floor or 0.0):.0f} % are due"
    if found.holds_zero:
        return beside, (
            f"no sign of copies by this measure; {100 * found.detectable:.1f} % more than"
            " are due would have shown four times out of five, fewer may be there"
        )
    more, fewer = HALVES[reading.key]
    low, high = sorted(abs(end) for end in found.interval)
    verdict = more if found.value > 0 else fewer
    return beside, f"{verdict}, by {100 * low:.1f} to {100 * high:.1f} % of them"


def _of_copies(reading: Reading, found: Excess) -> tuple[str, str]:
    """What real examples get, and what the share says of copies beside it."""
    beside = f"and {100 * (reading.floor or 0.0):.1f} % of real ones"
    if not found.holds_zero:
        return beside, f"{'more' if found.value > 0 else 'fewer'} than of real data"
    return beside, (
        f"no sign of copies by this measure; {100 * found.detectable:.1f} % more of them"
        " than of real ones would have shown four times out of five, fewer may be there"
    )


def _interval(low: float, high: float) -> str:
    """The 95 % interval of a share, within what a share can be."""
    low, high = max(0.0, low), min(1.0, high)
    return f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
