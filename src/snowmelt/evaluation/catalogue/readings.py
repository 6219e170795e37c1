"""The numbers of metrics.json with all that belongs to each.

metrics.json is flat. `x_floor`, `x_real`, `x_spread` and `x_freedom` belong to `x`: what
real data gets under the same protocol, the standard error, and its degrees of freedom where
these are few. A metric that the catalogue does not know is read under its own name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import FREEDOM, Metric, Section
from snowmelt.evaluation.excess import Excess
from snowmelt.evaluation.number_format import percent, with_spread

LOW, HIGH = "low", "high"  # the ends of an interval, which the tracker has alone
COMPANIONS = ("floor", "spread", "real", FREEDOM, LOW, HIGH)


@dataclass(frozen=True)
class Reading:
    """One metric as it was measured.

    Attributes:
        key: its name in metrics.json.
        value: what the samples got.
        spread: the standard error, if it is known.
        floor: what real data gets under the same protocol, if that is known.
        floor_spread: the standard error of the floor, if it is known; zero where the floor
            is so by construction.
        freedoms: the degrees of freedom of the errors of floor and value.
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
    freedoms: tuple[float, float] = (math.inf, math.inf)

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
    def excess(self) -> Excess | None:
        """What lies between value and floor; None where an error is not known."""
        if self.floor is None or self.spread is None or self.floor_spread is None:
            return None
        if not (self.spread or self.floor_spread):
            return None
        floor, value = (self.floor, self.floor_spread), (self.value, self.spread)
        return Excess.over(floor, value, self.freedoms)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the value itself; None where its error is not known."""
        if not self.spread:
            return None
        return Excess(self.value, self.spread, self.freedoms[1]).interval

    @property
    def excess_text(self) -> str:
        """That with its 95 % interval and, if nothing was found, what would have been."""
        if (found := self.excess) is None:
            return ""
        said = f"{self.plain(found.value)} ({self.interval_text})"
        if not found.holds_zero:
            return said
        return f"{said}; {self.plain(found.detectable)} would have been found"

    @property
    def interval_text(self) -> str:
        """The 95 % interval of what lies between value and floor, or nothing."""
        if (found := self.excess) is None:
            return ""
        low, high = (self.plain(end) for end in found.interval)
        return f"95 % interval {low} to {high}"

    def plain(self, value: float) -> str:
        """A number in the unit of the metric, with the decimals of the excess's error."""
        if self.is_share:
            return percent(value)
        found = self.excess
        error = None if found is None else found.error
        return with_spread(value, error).split(" ± ")[0]


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


def readings_of(section: Section, metrics: Mapping[str, Any]) -> list[Reading]:
    """The numbers of another section of the report, in the order of the catalogue."""
    plain = {key: float(value) for key, value in metrics.items() if _is_number(value)}
    known = [metric for metric in catalogue.reported_in(section) if metric.key in plain]
    return [_reading(metric, plain, extractor_name(metrics)) for metric in known]


def interval_of(key: str, metrics: Mapping[str, Any]) -> dict[str, float]:
    """The ends of the 95 % interval of a metric of samples, as companions of it."""
    found = next((one.interval for one in readings(metrics) if one.key == key), None)
    if found is None:
        return {}
    return {f"{key}_{LOW}": found[0], f"{key}_{HIGH}": found[1]}


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _is_companion(key: str, plain: Mapping[str, float]) -> bool:
    """Whether it says something of another number, or of one that was not measured.

    Too few samples have no distance at an infinite count, while real examples have one:
    that floor alone tells nothing of a model.
    """
    owner, _, ending = key.rpartition("_")
    return ending in COMPANIONS and (owner in plain or owner in catalogue.METRICS)


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
    keys = (metric.floor_key, metric.key)
    is_exact = isinstance(metric.floor, float)
    low, high = (plain.get(f"{key}_{FREEDOM}", math.inf) for key in keys)
    return Reading(
        key=metric.key,
        label=metric.label.format(features=features),
        value=plain[metric.key],
        spread=plain.get(f"{metric.key}_{metric.spread}"),
        floor=floor if isinstance(floor, float) else None,
        floor_spread=plain.get(
            f"{metric.floor_key}_{metric.spread}", 0.0 if is_exact else None
        ),
        floor_label="a perfect model" if metric.floor == "floor" else "real data",
        better="; ".join(filter(None, (metric.better, metric.remarks(plain, {}), unit))),
        is_share=metric.is_share,
        freedoms=(low, high),
    )
