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

import numpy as np
import torch

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.sample_metrics import Examples, fidelity_seed

_LEAST = 1e-30  # a probability that float32 has rounded to zero


def of_extractor(examples: Examples) -> Estimate | None:
    """The score by the classes of the extractor's own network, if it knows any."""
    extractor = examples.context.reference.extractor
    if not extractor.has_classes:
        return None
    return _scored(extractor.class_logits(examples.features), examples)


def of_classifier(examples: Examples) -> Estimate | None:
    """The score by the independent classifier, on the data's own classes."""
    if examples.probabilities is None:
        return None
    return _scored(np.log(np.maximum(examples.probabilities, _LEAST)), examples)


def class_score(logits: np.ndarray, *, parts: int, seed: int) -> float:
    """The mean score of parts of a set, shuffled before.

    Args:
        parts: at most; every one has a row.

    Shapes:
        logits: (N, K)
    """
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    found = isc_features_to_metric(
        torch.from_numpy(np.asarray(logits)), splits=min(parts, len(logits)), rng_seed=seed
    )
    return float(found[KEY_METRIC_ISC_MEAN])


def _scored(logits: np.ndarray, examples: Examples) -> Estimate:
    settings = examples.context.settings
    parts, seed = settings.score_parts, fidelity_seed(settings.seed)
    return examples.at_count(logits, lambda rows: class_score(rows, parts=parts, seed=seed))
