"""The numbers of metrics.json with all that belongs to each.

metrics.json is flat. `x_floor`, `x_real` and `x_spread` belong to `x`: what real data gets
under the same protocol, and the half-width of an error bar. A metric that the catalogue
does not know is read under its own name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import Metric, Section
from snowmelt.evaluation.number_format import percent, with_spread

COMPANIONS = ("floor", "spread", "real")


@dataclass(frozen=True)
class Reading:
    """One metric as it was measured.

    Attributes:
        key: its name in metrics.json.
        value: what the samples got.
        spread: half-width of the error bar, if one is known.
        floor: what real data gets under the same protocol, if that is known.
        floor_spread: half-width of the band around it, if one is known.
        better: how to read the value.
        is_share: it is shown in per cent.
    """

    key: str
    label: str
    value: float
    spread: float | None = None
    floor: float | None = None
    floor_spread: float | None = None
    floor_label: str = "real data"
    better: str = ""
    is_share: bool = False

    @property
    def text(self) -> str:
        return self._formatted(self.value, self.spread)

    @property
    def value_text(self) -> str:
        """The value alone, with as many decimals as in `text`."""
        return percent(self.value) if self.is_share else self.text.split(" ± ")[0]

    @property
    def spread_text(self) -> str:
        """The spread alone, or nothing."""
        return f"± {self.text.split(' ± ')[1]}" if " ± " in self.text else ""

    @property
    def floor_text(self) -> str:
        """What real data gets, or nothing."""
        return "" if self.floor is None else self._formatted(self.floor, self.floor_spread)

    def _formatted(self, value: float, spread: float | None) -> str:
        if not self.is_share:
            return with_spread(value, spread)
        return f"{100 * value:.1f} ± {100 * spread:.1f} %" if spread else percent(value)

    @property
    def is_at_floor(self) -> bool:
        """Whether chance alone could make the difference from what real data gets."""
        if self.floor is None:
            return False
        error = math.hypot(self.spread or 0.0, self.floor_spread or 0.0)
        return self.value <= self.floor + 1.96 * error


def extractor_name(metrics: Mapping[str, Any]) -> str:
    """The feature extractor that the protocol names, or "features"."""
    protocol = metrics.get("protocol")
    protocol = protocol if isinstance(protocol, Mapping) else {}
    for key in ("extractor", "features", "feature_extractor"):
        found = protocol.get(key)
        if isinstance(found, Mapping):
            found = found.get("name")
        if isinstance(found, str) and found:
            return found
    return "features"


def readings(metrics: Mapping[str, Any]) -> list[Reading]:
    """Every number of the samples, known ones first and in the order of the catalogue.

    What stands in other sections of the report, or in none, is left out.
    """
    plain = {key: float(value) for key, value in metrics.items() if _is_number(value)}
    elsewhere: set[str] = set()
    for metric in catalogue.METRICS.values():
        if metric.section is not Section.SAMPLES:
            elsewhere |= metric.companions
    found = [m for m in catalogue.reported_in(Section.SAMPLES) if m.key in plain]
    known = elsewhere | {metric.key for metric in found}
    found += [
        _unknown(key, plain)
        for key in sorted(plain.keys() - known)
        if not _is_companion(key, plain)
    ]
    return [_reading(metric, plain, extractor_name(metrics)) for metric in found]


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _is_companion(key: str, plain: Mapping[str, float]) -> bool:
    """Whether it says something of another number."""
    owner, _, ending = key.rpartition("_")
    return ending in COMPANIONS and owner in plain


def _unknown(key: str, plain: Mapping[str, float]) -> Metric:
    return Metric(
        key,
        key.replace("_", " "),
        lambda subject: None,
        floor="floor" if f"{key}_floor" in plain else "real",
        is_share=key.endswith(("_share", "_accuracy")),
    )


def _reading(metric: Metric, plain: Mapping[str, float], features: str) -> Reading:
    floor = plain.get(metric.floor_key) if metric.floor_key else metric.floor
    unit = f"in units of {metric.unit}" if metric.unit else ""
    return Reading(
        key=metric.key,
        label=metric.label.format(features=features),
        value=plain[metric.key],
        spread=plain.get(f"{metric.key}_{metric.spread}"),
        floor=floor if isinstance(floor, float) else None,
        floor_spread=plain.get(f"{metric.floor_key}_{metric.spread}"),
        floor_label="two real sets" if metric.floor == "floor" else "real data",
        better="; ".join(filter(None, (metric.better, metric.remarks(plain, {}), unit))),
        is_share=metric.is_share,
    )
