"""Features of a classifier that was trained on the data's own labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from snowmelt.common.bounds import Count, Fraction, Seed, Width
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.evaluation.features import classifier_training
from snowmelt.evaluation.features.convnets import PlainNet
from snowmelt.evaluation.features.extractor import Extractor

FEATURES = 64


class Classifier(Extractor):
    """The last hidden layer of a small convolutional network.

    It is trained on the training split without augmentation: a network that was trained on
    shifted and resampled images reacts less to blur, which these features must detect. In a
    trial on the digits, augmentation reduced the distance of slightly blurred images to a
    third, at the same accuracy and about the same floor.

    Args:
        manifest: of the data; it must have at least two classes.
        seed: of weights and order; not the experiment's seed, so that experiments with
            different seeds are measured by the same extractor.
        steps, batch_size, learning_rate: see `classifier_training.Plan`.

    Raises:
        UserError: the data is points, has no labels or a single class.
    """

    name = "classifier"

    def __init__(
        self,
        manifest: Manifest,
        *,
        seed: Seed,
        steps: Count,
        batch_size: Width,
        learning_rate: Fraction,
    ) -> None:
        super().__init__(manifest)
        self.plan = classifier_training.Plan(
            "features", seed, steps, batch_size, learning_rate
        )
        self._scale = partial(to_model, manifest=manifest)
        if manifest.classes is None:
            classifier_training.check_labels(None, manifest.name)
        channels, height, width = manifest.shape
        with classifier_training.seeded(seed):
            self.net = PlainNet(
                channels, (height, width), len(manifest.classes or ()), FEATURES
            ).to(memory_format=torch.channels_last)

    @property
    def dimension(self) -> int:
        return FEATURES

    def fit(self, data: PreparedData, root: Path) -> dict[str, float]:
        """Train on the training split; returns the accuracy on the held-out split."""
        labels = classifier_training.check_labels(data.train_labels, self.manifest.name)
        classifier_training.train(
            self.net, data.train, labels, self._scale, self.plan, self.name
        )
        found = classifier_training.logits(self.net, data.held_out, self._scale)
        accuracy = classifier_training.accuracy(found, data.held_out_labels)
        return {"extractor_accuracy": accuracy}

    def forward(self, stored: Tensor) -> Tensor:
        return self.net.features(self._scale(stored))
