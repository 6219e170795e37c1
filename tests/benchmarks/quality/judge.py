"""One measure for everybody's samples: the classifiers of the stage reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.metrics.class_recognition import class_deviation, is_confident
from snowmelt.evaluation.reference_features import Reference


class Judge:
    """The Frechet distance to the training images, and the share that is recognised.

    Args:
        folder: of a project in which `prepare` and `reference` have run.
        count: samples that a distance is of; it depends on how many there are.
        floors: sets of real images that the floor is the mean over.
    """

    def __init__(self, folder: Path, count: int, floors: int = 20) -> None:
        self.data = PreparedData.open(folder / "data" / "prepared")
        reference = Reference.open(folder / "outputs" / "reference", self.data.manifest)
        assert reference.independent_classifier is not None
        assert reference.held_out_probabilities is not None
        self.reference, self.count = reference, count
        random = np.random.default_rng(0)
        sets = [
            np.sort(random.choice(len(reference.held_out), count, replace=False))
            for _ in range(floors)
        ]
        self.floor = spread([self._distance(reference.held_out[rows]) for rows in sets])
        self.recognised = float(is_confident(reference.held_out_probabilities).mean())

    def __call__(self, samples: np.ndarray) -> dict[str, float]:
        """What is told of samples as stored, uint8 (N, C, H, W) with N = `count`."""
        if len(samples) != self.count:
            raise ValueError(f"{len(samples)} samples, the judge compares {self.count}")
        classifier = self.reference.independent_classifier
        assert classifier is not None
        probabilities = classifier.probabilities(samples)
        shares = np.asarray(self.reference.description["class_shares"])
        features = extract(self.reference.extractor, samples, "features of the samples")
        return {
            "distance": self._distance(features),
            "recognised": float(is_confident(probabilities).mean()),
            "class_deviation": class_deviation(probabilities.argmax(axis=1), shares),
        }

    def _distance(self, features: np.ndarray) -> float:
        return frechet_distance(Statistics.of(features), self.reference.statistics)


def spread(values: list[float]) -> dict[str, Any]:
    """Mean and deviation of some values; no deviation of one."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation, "values": values}
