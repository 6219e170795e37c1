"""The section on memorisation: the nearest pairs, and how near all of them are."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from snowmelt.evaluation.catalogue.readings import readings
from snowmelt.evaluation.excess import Excess
from snowmelt.viz.plots.nearest_pairs import nearest_distances
from snowmelt.viz.report import embedded_pictures
from snowmelt.viz.report.report_material import Material

# Of the shares that stand beside those of real data, by the key of metrics.json.
TOLD = ("memorised_share", "memorised_share_pixels", "copied_share")


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
    """What the shares say of copies, with their intervals."""
    known = {reading.key: reading for reading in readings(material.metrics)}
    said = []
    for key in TOLD:
        reading = known.get(key)
        if reading is None or reading.floor is None or not reading.spread:
            continue
        low, high = Excess(reading.value, reading.spread).interval
        low, high = max(0.0, low), min(1.0, high)
        # Without an error of its own, that of the real ones is in the spread.
        real = reading.floor, reading.floor_spread or 0.0
        found = Excess.over(real, (reading.value, reading.spread))
        verdict = f"{'more' if found.value > 0 else 'fewer'} than of real data"
        if found.holds_zero:
            seen = 100 * found.detectable
            verdict = (
                f"no sign of copies; {seen:.1f} % more of them than of real ones would have"
                " shown four times out of five, fewer may be there"
            )
        said.append(
            f"{reading.label[0].upper()}{reading.label[1:]}: {100 * reading.value:.1f} % of"
            f" the samples (95 % interval {100 * low:.1f} to {100 * high:.1f} %), and"
            f" {100 * reading.floor:.1f} % of real ones: {verdict}."
        )
    return said
