r"""The Inception score's formula, on the classes of a network.

With the probabilities $p(c \mid x)$ that a network gives the classes of a sample, and their
mean $p(c)$ over samples,

$$\exp \mathrm{E}_x \mathrm{KL}\big(p(c \mid x)\,\Vert\,p(c)\big)$$

is 1 where all samples look alike to the network, and the number of classes where it is sure
of each and sees them all equally often. It is the mean over parts of the set, since it
grows with the count. Nothing is compared with real data, so real examples have a score of
their own: the best that a model can aim at, and not a bound.

Only on the 1008 classes of the standard Inception network is it known as the Inception
score. The arithmetic is torch-fidelity's.

References:
    Salimans et al. (2016), arXiv:1606.03498, section 4;
    Barratt & Sharma (2018), arXiv:1801.01973 (what it says of data other than ImageNet).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax
from scipy.stats import entropy

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.sample_metrics import Examples, fidelity_seed

_LEAST = 1e-30  # a probability that float32 has rounded to zero


def of_extractor(examples: Examples) -> Estimate | None:
    """The score by the classes of the extractor's own network, if it knows any."""
    extractor = examples.context.reference.extractor
    logits = extractor.class_logits(examples.features)
    return None if logits is None else _scored(logits, examples)


def of_classifier(examples: Examples) -> Estimate | None:
    """The score by the independent classifier, on the data's own classes."""
    if examples.probabilities is None:
        return None
    return _scored(np.log(np.maximum(examples.probabilities, _LEAST)), examples)


@dataclass(frozen=True)
class ClassScore:
    """The mean score of parts of a set, shuffled before; a `Statistic` of logits (n, K).

    Attributes:
        parts: at most; every one has a row.
        seed: of the shuffling.
    """

    parts: int
    seed: int

    def __call__(self, rows: np.ndarray) -> float:
        from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

        found = isc_features_to_metric(
            torch.from_numpy(np.asarray(rows)),
            splits=min(self.parts, len(rows)),
            rng_seed=self.seed,
        )
        return float(found[KEY_METRIC_ISC_MEAN])

    def gradient(self, rows: np.ndarray) -> np.ndarray:
        """The score, and the score times the logarithm of each class's share, (1 + K,)."""
        score = self(rows)
        shares = np.maximum(softmax(rows, axis=1).mean(axis=0), _LEAST)
        return np.array([score, *(score * np.log(shares))])

    def influence(self, rows: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The score times the divergence of each row from the shares. (N, K) -> (N,)"""
        probabilities = softmax(rows, axis=1)
        certainty = -entropy(probabilities, axis=1)
        return np.asarray(gradient[0] * certainty - probabilities @ gradient[1:])


def _scored(logits: np.ndarray, examples: Examples) -> Estimate | None:
    settings = examples.context.settings
    score = ClassScore(settings.score_parts, fidelity_seed(settings.seed))
    return examples.at_count(logits, score)
