r"""A calibrated classifier, independent of the extractor, that recognises samples.

The fraction of samples that it recognises with confidence is a metric only if that
confidence is calibrated. Half of each batch is mixed (`classifier_training`), so that it
does not find classes in noise; and its logits are divided by one temperature $T$,
$p = \mathrm{softmax}(\text{logits} / T)$, chosen for the least negative log-likelihood on
a tenth of the training split that it was not trained on. It has
nothing in common with the extractor: another architecture, another seed, no features.

References:
    Guo et al. (2017), arXiv:1706.04599, section 4.2.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snowmelt.common.bounds import Count, Fraction, Seed, Width
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.evaluation.features import classifier_training, weight_files
from snowmelt.evaluation.features.convnets import GridNet
from snowmelt.evaluation.features.extractor import AGAIN

MIXED = 0.5
SET_ASIDE = 0.1
# A set that is classified without an error would have an optimal temperature of zero.
TEMPERATURES = torch.logspace(-1, 2, 61, base=2.0)
_BINS = 15


class IndependentClassifier(nn.Module):
    """A calibrated classifier of the data's classes.

    Args:
        manifest: of the data: images with at least two classes.
        seed, steps, batch_size, learning_rate: see `classifier_training.Plan`.
    """

    temperature: Tensor

    def __init__(
        self,
        manifest: Manifest,
        *,
        seed: Seed,
        steps: Count,
        batch_size: Width,
        learning_rate: Fraction,
    ) -> None:
        super().__init__()
        self.manifest = manifest
        self.plan = classifier_training.Plan(
            "features.independent_classifier", seed, steps, batch_size, learning_rate, MIXED
        )
        self._scale = partial(to_model, manifest=manifest)
        channels, height, width = manifest.shape
        with classifier_training.seeded(seed):
            self.net = GridNet(channels, (height, width), len(manifest.classes or ())).to(
                memory_format=torch.channels_last
            )
        self.register_buffer("temperature", torch.ones(()))

    def fit(self, data: PreparedData) -> dict[str, float]:
        """Train and calibrate on the training split.

        Returns:
            On the held-out split: the accuracy and the expected calibration error; and
            the temperature.

        Raises:
            UserError: the data has fewer than two classes.
        """
        # Here, since it takes seconds, and every command looks at this class's signature.
        from torchmetrics.functional.classification import multiclass_calibration_error

        labels = classifier_training.check_labels(data.train_labels, self.manifest.name)
        aside = round(SET_ASIDE * len(labels))
        classifier_training.train(
            self.net, data.train[aside:], labels[aside:], self._scale, self.plan, "judge"
        )
        if aside:
            found = classifier_training.logits(self.net, data.train[:aside], self._scale)
            self.temperature.copy_(calibrated(found, torch.tensor(labels[:aside])))
        probabilities = torch.from_numpy(self.probabilities(data.held_out))
        truth, classes = torch.tensor(data.held_out_labels), probabilities.shape[1]
        error = multiclass_calibration_error(probabilities, truth, classes, n_bins=_BINS)
        return {
            "judge_accuracy": classifier_training.accuracy(
                probabilities, data.held_out_labels
            ),
            "judge_calibration_error": float(error),
            "judge_temperature": float(self.temperature),
        }

    def probabilities(self, stored: np.ndarray) -> np.ndarray:
        """The class probabilities of stored images, (N, C, H, W) -> (N, K) float32."""
        self.eval()
        found = classifier_training.logits(self.net, stored, self._scale)
        return (found / self.temperature).softmax(dim=1).numpy()

    @property
    def digest(self) -> str:
        return weight_files.digest(self, "judge")

    def load(self, path: Path) -> None:
        """Load the weights that `weight_files.save` wrote.

        Raises:
            UserError: the file is missing or of another network.
        """
        weight_files.load(self, path, remedy=AGAIN)


def calibrated(logits: Tensor, labels: Tensor) -> Tensor:
    """The temperature with the least negative log-likelihood, of those in TEMPERATURES.

    Shapes:
        logits: (N, K), labels: (N,) -> ()
    """
    losses = [F.cross_entropy(logits / t, labels) for t in TEMPERATURES]
    return TEMPERATURES[torch.stack(losses).argmin()]
