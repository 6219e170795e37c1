"""What the numbers of metrics.json are called, and what they say in plain words.

metrics.json is flat. `x_floor`, `x_spread` and `x_real` belong to `x`: what real data gets
under the same protocol, the half-width of an error bar, and the same share among real
data. A metric that this file does not know is shown under its own name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.common.number_format import percent, with_spread
from snowmelt.viz.plots.metric_bars import Measured
from snowmelt.viz.report.likelihood_section import is_likelihood

DISTANCES = ("fid", "wasserstein_2", "frechet_distance", "kid", "kernel_distance")
# Taken over sets of points, the size of which the protocol names under `points`.
OVER_SETS = ("wasserstein_2", "sliced_wasserstein_2", "energy_distance", "squared_mmd")
# Not of the samples but of the model or of the data alone: told in a section of their own.
OF_THE_TRUTH = ("score_error", "entropy_")
COMPANIONS = ("_floor", "_spread", "_real", "_low", "_high")


@dataclass(frozen=True)
class Kind:
    """How a known metric is named and read; `{features}` stands for the extractor."""

    label: str
    better: str = ""
    is_share: bool = False
    expected: float | None = None
    """What real data gets by construction, where it need not be measured."""


KINDS = {
    "fid": Kind("FID", "lower is better"),
    "wasserstein_2": Kind("Wasserstein distance W2 ({features})", "lower is better"),
    "sliced_wasserstein_2": Kind("sliced Wasserstein distance", "lower is better"),
    "two_sample_accuracy": Kind(
        "told apart from real points by nearest neighbours",
        "one half: not at all; 100 %: always",
        True,
    ),
    "mode_deviation": Kind("largest deviation of a mode's share", "lower is better"),
    "mode_chi_square": Kind(
        "chi-square of the modes' shares, by degree of freedom",
        "about 1: chance alone; grows with the count",
    ),
    "mode_coverage": Kind(
        "modes with a tenth of their share or more", "higher is better", True
    ),
    "energy_distance": Kind("energy distance", "lower is better; unbiased"),
    "squared_mmd": Kind(
        "squared maximum mean discrepancy (Gaussians)", "lower is better; unbiased"
    ),
    "frechet_distance": Kind("Frechet distance ({features})", "lower is better"),
    "kid": Kind("KID", "lower is better"),
    "kernel_distance": Kind("kernel distance ({features})", "lower is better"),
    "precision": Kind("precision ({features})", "higher is better", True),
    "recall": Kind("recall ({features})", "higher is better", True),
    "confident_share": Kind("recognised with over 90 % confidence", "", True),
    "near_share": Kind(
        "nearer to training data than the median real example",
        "far above one half: copies, or only what is common",
        True,
        0.5,
    ),
    "class_deviation": Kind("deviation of the classes' shares", "lower is better", True),
    "judge_accuracy": Kind("accuracy of the judge on held-out data", "", True),
    "extractor_accuracy": Kind("accuracy of the extractor on held-out data", "", True),
}


@dataclass(frozen=True)
class Reading:
    """One metric with all that belongs to it."""

    key: str
    label: str
    value: float
    spread: float | None
    floor: float | None
    floor_spread: float | None
    floor_label: str
    better: str
    is_share: bool

    @property
    def text(self) -> str:
        """The value with its spread."""
        return self._told(self.value, self.spread)

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
        return "" if self.floor is None else self._told(self.floor, self.floor_spread)

    def _told(self, value: float, spread: float | None) -> str:
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

    @property
    def measured(self) -> Measured:
        """As the figure draws it."""
        return Measured(
            label=self.label,
            value=self.value,
            spread=self.spread,
            floor=self.floor,
            floor_spread=self.floor_spread,
            floor_label=self.floor_label,
            is_share=self.is_share,
        )


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
    """Every numeric metric, known ones first and in the order of `KINDS`.

    Likelihoods and what is held against a known density stand in sections of their own.
    """
    plain = {key: float(value) for key, value in metrics.items() if _is_number(value)}
    plain = {
        key: value
        for key, value in plain.items()
        if not is_likelihood(key) and not key.startswith(OF_THE_TRUTH)
    }
    main = [key for key in plain if not _companion_of(key, plain)]
    order = {key: place for place, key in enumerate(KINDS)}
    main.sort(key=lambda key: (order.get(key, len(order)), key))
    return [_reading(key, plain, extractor_name(metrics)) for key in main]


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _companion_of(key: str, plain: Mapping[str, float]) -> str:
    """The metric that `key` accompanies, or nothing."""
    for ending in COMPANIONS:
        if key.endswith(ending) and key.removesuffix(ending) in plain:
            return key.removesuffix(ending)
    return ""


def _reading(key: str, plain: Mapping[str, float], features: str) -> Reading:
    is_share = key.endswith(("_share", "_accuracy"))
    kind = KINDS.get(key, Kind(key.replace("_", " "), is_share=is_share))
    ending, floor_label = "_floor", "two real sets"
    if f"{key}_floor" not in plain:
        ending, floor_label = "_real", "real data"
    return Reading(
        key=key,
        label=kind.label.format(features=features),
        value=plain[key],
        spread=plain.get(f"{key}_spread"),
        floor=plain.get(f"{key}{ending}", kind.expected),
        floor_spread=plain.get(f"{key}{ending}_spread"),
        floor_label=floor_label,
        better=kind.better,
        is_share=kind.is_share,
    )


def sentences(metrics: Mapping[str, Any], num_samples: int) -> list[str]:
    """The headline in words: how far, from what, and what real data would get."""
    found = {reading.key: reading for reading in readings(metrics)}
    said = []
    main = next((found[key] for key in DISTANCES if key in found), None)
    if main is not None:
        said.append(
            f"{num_samples:,} samples against the training split: {main.label} {main.text}"
            f"{_taken_at(main.key, metrics, num_samples)}."
        )
        if main.floor is not None:
            said.append(_against_floor(main, main.floor))
    sure = found.get("confident_share")
    if sure is not None:
        real = f" and of {sure.floor_text} of real ones" if sure.floor is not None else ""
        said.append(
            "A classifier that took no part in the training is over 90 % sure of"
            f" {sure.text} of the samples{real}."
        )
    return said


def _taken_at(key: str, metrics: Mapping[str, Any], num_samples: int) -> str:
    """The count that value and floor were both taken at, where it is not all samples."""
    protocol = metrics.get("protocol")
    protocol = protocol if isinstance(protocol, Mapping) else {}
    if key in OVER_SETS and isinstance(protocol.get("points"), Mapping):
        return f", between sets of {protocol['points']['set_size']:,} points"
    count = protocol.get("n")
    if not isinstance(count, int) or count >= num_samples:
        return ""
    return f", over sets of {count:,} of them, as many as real ones are held out"


def _against_floor(main: Reading, floor: float) -> str:
    """How to read a distance beside the distance of two real sets."""
    said = (
        f"Two real sets, the training split and the held-out split, differ by the floor of"
        f" {main.floor_text} under the same protocol"
    )
    if main.is_at_floor:
        return f"{said}; the samples are no further off than chance can make them."
    if floor <= 0:
        return f"{said}."
    times = main.value / floor
    return f"{said}; the samples are {times:,.{1 if times < 10 else 0}f} times as far."
