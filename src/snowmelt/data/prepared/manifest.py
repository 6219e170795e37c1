"""What a prepared data set says about itself: manifest.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from snowmelt.common.errors import UserError
from snowmelt.common.records import content_digest

FORMAT = 1


@dataclass(frozen=True)
class Skipped:
    """A raw file that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The description of a prepared data set, whose files `prepared` describes.

    Attributes:
        kind: "images" (stored uint8) or "points" (stored float32).
        shape: of one example, (C, H, W) or (D,).
        value_range: images: the smallest and the largest level, both inclusive.
        levels: images: the number of levels; bits is its base-2 logarithm.
        seen_levels: images: which levels occur: the "least", the "greatest", and how many
            "distinct" ones; None for points, and in manifests of earlier versions.
        class_counts: the number of examples of each class, over both splits.
        mean: points: the mean of each coordinate over the training split.
        std: points: one scale for all coordinates, the root mean square distance from
            the mean over the training split, per coordinate.
        split: "kind" (official, stratified or random), "seed" and "held_out_fraction"
            (as configured; None for an official split).
        digests: the SHA-256 of each array's file.
        config: the section `data` of the configuration that it was made from.
    """

    kind: str
    name: str
    count: int
    train_count: int
    held_out_count: int
    shape: tuple[int, ...]
    dtype: str
    value_range: tuple[int, int] | None
    classes: tuple[str, ...] | None
    class_counts: dict[str, int] | None
    mean: tuple[float, ...] | None
    std: float | None
    split: dict[str, Any]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    digests: dict[str, str]
    config: dict[str, Any]
    seen_levels: dict[str, int] | None = None

    @property
    def levels(self) -> int | None:
        """How many values a pixel can take; None for points."""
        if self.value_range is None:
            return None
        return self.value_range[1] - self.value_range[0] + 1

    @property
    def bits(self) -> float | None:
        """log2 of the levels, the bits of an uncompressed pixel; None for points."""
        return None if self.levels is None else math.log2(self.levels)

    @property
    def array_file(self) -> str:
        return f"{self.kind}.npy"

    @property
    def digest(self) -> str:
        """Names the data: the bytes of its arrays, its split and its range."""
        facts = [
            self.digests,
            self.train_count,
            list(self.shape),
            list(self.value_range or ()),
        ]
        return content_digest(facts)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and scalars, ready for JSON or a checkpoint."""
        plain = {"format": FORMAT, **asdict(self)}
        plain |= {"levels": self.levels, "bits": self.bits}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], *, where: str = "manifest") -> Manifest:
        """The inverse of `to_dict`.

        Args:
            where: the file that it was read from, for the error.

        Raises:
            UserError: it has another format or lacks a field.
        """
        again = "run `snowmelt prepare` again"
        if not isinstance(plain, Mapping) or plain.get("format") != FORMAT:
            raise UserError(f"{where} is not of the format {FORMAT}: {again}")
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in plain and name != "seen_levels"]
        if missing or plain["kind"] not in ("images", "points"):
            wrong = f"lacks {', '.join(missing)}" if missing else "is of no known kind"
            raise UserError(f"{where} {wrong}: {again}")
        values = {name: plain[name] for name in names if name in plain}
        try:
            # As JSON, whose lists serve where a tuple is declared.
            found = _FORM.validate_json(json.dumps(values, allow_nan=False), strict=True)
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{where} {_refusal(error)}: {again}") from error
        found._check(where, again)
        return found

    def _check(self, where: str, again: str) -> None:
        """Refuse numbers that do not fit each other."""
        is_image = self.kind == "images"
        low, high = self.value_range or (0, 255)
        fits = {
            "shape": len(self.shape) == (3 if is_image else 1) and min(self.shape) > 0,
            "dtype": self.dtype == ("uint8" if is_image else "float32"),
            "value_range": (self.value_range is not None) == is_image
            and 0 <= low < high <= 255,
            "train_count": self.train_count > 0,
            "held_out_count": self.held_out_count > 0,
            "count": self.count == self.train_count + self.held_out_count,
        }
        if not is_image:
            fits["mean"] = self.mean is not None and len(self.mean) == self.shape[0]
            fits["std"] = self.std is not None and self.std > 0
        if wrong := [name for name, is_right in fits.items() if not is_right]:
            raise UserError(
                f"{where} is of no data: {wrong[0]} is {getattr(self, wrong[0])}: {again}"
            )


def _refusal(error: Exception) -> str:
    """The first field that is not of its type, in a few words."""
    if not isinstance(error, ValidationError):
        return f"is no description of data ({error})"
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"says {where}={str(first['input'])[:60]!r}: {first['msg']}"


_FORM = TypeAdapter(Manifest)
