"""The coordinates of points as features."""

from __future__ import annotations

import hashlib

from torch import Tensor

from snowmelt.data.prepared.scaling import to_model
from snowmelt.evaluation.features.extractor import Extractor


class Coordinates(Extractor):
    """The coordinates, centred and divided by the one scale of the training split."""

    name = "coordinates"
    kind = "points"
    batch = 65536

    @property
    def dimension(self) -> int:
        return self.manifest.shape[0]

    @property
    def digest(self) -> str:
        facts = f"{self.name} {self.manifest.mean} {self.manifest.std}"
        return hashlib.sha256(facts.encode()).hexdigest()

    def forward(self, stored: Tensor) -> Tensor:
        return to_model(stored, self.manifest)
