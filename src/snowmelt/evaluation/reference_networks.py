"""Making the networks that measure real data: the extractor and, of classes, a classifier.

Each is made by one process of a group, at the same time, and read by the others from its
file, so that all have the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snowmelt.common.instantiate import build
from snowmelt.common.process_group import Group
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.features import weight_files
from snowmelt.evaluation.features.extractor import Extractor
from snowmelt.evaluation.features.independent_classifier import IndependentClassifier

EXTRACTOR, CLASSIFIER = "extractor.pt", "judge.pt"


@dataclass(frozen=True)
class Networks:
    """The networks, ready to measure.

    Attributes:
        classifier: None for data without classes, or where none is wanted.
        settings: of the extractor.
        figures: what both say of themselves, such as an accuracy.
    """

    extractor: Extractor
    classifier: IndependentClassifier | None
    settings: Mapping[str, Any]
    classifier_settings: Mapping[str, Any] | None
    figures: dict[str, float]

    @classmethod
    def built(cls, data: PreparedData, features: Mapping[str, Any]) -> Networks:
        """Build both; neither is trained yet.

        Raises:
            UserError: data and extractor do not go together; the message names another.
        """
        settings = dict(features)
        chosen = settings.pop("independent_classifier", None)
        extractor = build(settings, Extractor, manifest=data.manifest)
        if not _has_classes(data) or data.manifest.kind != "images":
            chosen = None
        classifier = None
        if chosen is not None:
            classifier = build(chosen, IndependentClassifier, manifest=data.manifest)
        return cls(extractor, classifier, settings, chosen, {})

    def fit(self, data: PreparedData, folder: Path, root: Path, group: Group) -> None:
        """Make both ready, and write their files.

        Raises:
            UserError: the data or the files do not serve; the message names another choice.
        """
        found: dict[int, dict[str, float]] = {}
        if group.owns(0):
            found[0] = self.extractor.fit(data, root)
            self.extractor.save(folder / EXTRACTOR)
        if group.owns(1) and self.classifier is not None:
            found[1] = self.classifier.fit(data)
            weight_files.save(self.classifier, folder / CLASSIFIER)
        for figures in group.joined(found):
            self.figures.update(figures)
        if not group.owns(0):
            self.extractor.load(folder / EXTRACTOR)
        if not group.owns(1) and self.classifier is not None:
            self.classifier.load(folder / CLASSIFIER)

    def described(self) -> dict[str, Any]:
        """What reference.json says of them."""
        extractor, classifier = self.extractor, self.classifier
        found: dict[str, Any] = {
            "extractor": {
                "name": extractor.name,
                "digest": extractor.digest,
                "dimension": extractor.dimension,
                "resize": extractor.resize,
                "is_standard_inception": extractor.is_standard_inception,
                "config": self.settings,
            },
            "judge": None,
            "figures": self.figures,
        }
        if classifier is not None:
            found["judge"] = {
                "digest": classifier.digest,
                "config": self.classifier_settings,
            }
        return found


def _has_classes(data: PreparedData) -> bool:
    labels = data.train_labels
    return labels is not None and bool(labels.min() != labels.max())
