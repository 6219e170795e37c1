"""What is measured against the truth, and how carefully."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.common import argument_checks
from snowmelt.common.errors import UserError


@dataclass(frozen=True)
class Settings:
    """The section `evaluation.truth` of the configuration.

    Args:
        points: of the held-out split, for the mean over all times; at most. Each is held
            against the whole training split, which takes most of the time.
        level_points: of those, for each noise level of the curve; at most.
        levels: noise levels of the curve.
        draws: of the density, for its entropy.
        seed: of the noise and of the draws.

    Raises:
        UserError: a value is refused.
    """

    points: int = 5000
    level_points: int = 600
    levels: int = 16
    draws: int = 50_000
    seed: int = 0

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Settings:
        """From the section as a plain dict.

        Raises:
            UserError: a key is unknown, or a value is refused.
        """
        unknown = sorted(section.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise UserError(
                f"evaluation.truth.{unknown[0]} is no setting, there are {known}"
            )
        return cls(**section)

    def __post_init__(self) -> None:
        least_of = {"points": 2, "level_points": 2, "levels": 2, "draws": 2, "seed": 0}
        for key, least in least_of.items():
            argument_checks.integer(
                f"evaluation.truth.{key}", getattr(self, key), least=least
            )
