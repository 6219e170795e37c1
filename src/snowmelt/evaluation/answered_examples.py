r"""How well samples answer a measurement: beside the example that was measured, and it.

A measurement leaves several examples possible. Whoever gives their mean comes nearest to
the right one on average, and gives a picture that is none of them. Draws from the law of
the examples that are possible are further off: the squared error of a draw is twice that of
the mean,

$$\mathrm{E}\lVert x - x_0\rVert^2 = 2\,\mathrm{E}\lVert x_0 -
  \mathrm{E}[x_0\mid y]\rVert^2,$$

and so the standard deviation among such answers is their own error over $\sqrt2$. Nearness
to the example (PSNR, SSIM), agreement with what was measured, the variety of answers and
the distance of all answers from the data are therefore told side by side.

References:
    Wang, Bovik, Sheikh & Simoncelli (2004), "Image quality assessment: from error
    visibility to structural similarity" (SSIM). Blau & Michaeli (2018), arXiv:1711.06077
    (distortion against perception).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from snowmelt.data.prepared.scaling import to_unit
from snowmelt.diffusion.operators import LinearOperator
from snowmelt.evaluation.completed_examples import Completions, root_of
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics import feature_distances
from snowmelt.evaluation.metrics.neighbourhood import value_unit

WINDOW = 11  # pixels along the window of SSIM, which has to fit an image


def is_measured(completions: Completions) -> bool:
    """Whether the samples answer to a measurement, the same for all."""
    operator = completions.context.drawn.operator
    return operator is not None and operator.is_fixed


def fits_window(completions: Completions) -> bool:
    """Whether there is a measurement, of images that hold the window of SSIM."""
    return is_measured(completions) and min(completions.manifest.shape[1:]) >= WINDOW


def is_completed(completions: Completions) -> bool:
    """Whether there is a measurement, and no set of new samples to be measured as such."""
    return is_measured(completions) and completions.context.drawn.is_completed


def psnr(completions: Completions) -> Estimate:
    """The peak signal-to-noise ratio beside the example, in dB, the mean over samples."""
    return completions.mean_of(_decibels(completions.squares, completions))


def ssim(completions: Completions) -> Estimate:
    """The structural similarity to the example, the mean over samples."""

    def similarity(given: np.ndarray, real: np.ndarray) -> np.ndarray:
        return _similarity(_unit(given, completions), _unit(real, completions))

    return completions.mean_of(completions.beside(similarity))


def measurement_error(completions: Completions) -> Estimate:
    """The root of the mean squared difference from the measurement, by measured value.

    In units of the range of images' values.
    """

    def squares(given: np.ndarray, real: np.ndarray) -> np.ndarray:
        images = [_unit(part, completions) for part in (given, real)]
        operator = _placed(completions, len(given))
        missed = operator(images[0] - images[1])
        seen = operator.confined(torch.ones_like(missed))
        found: np.ndarray = (_sums(missed.square()) / _sums(seen)).numpy()
        return found

    return root_of(completions.mean_of(completions.beside(squares)))


def given_psnr(completions: Completions) -> Estimate:
    """The same of the picture of the measurement itself, which nothing was added to."""
    unit = value_unit(completions.manifest)

    def squares(_: np.ndarray, real: np.ndarray) -> np.ndarray:
        missed = (_shown(real, completions) - torch.from_numpy(real)) / unit
        found: np.ndarray = (_sums(missed.square()) / missed[0].numel()).numpy()
        return found

    return completions.mean_of(_decibels(completions.beside(squares), completions))


def given_ssim(completions: Completions) -> Estimate:
    """The structural similarity of the picture of the measurement to the example."""
    low = (completions.manifest.value_range or (0, 1))[0]

    def similarity(_: np.ndarray, real: np.ndarray) -> np.ndarray:
        shown = (_shown(real, completions) - low) / value_unit(completions.manifest)
        return _similarity(shown, _unit(real, completions))

    return completions.mean_of(completions.beside(similarity))


def answer_spread(completions: Completions) -> Estimate | None:
    """The standard deviation among answers to one example, in units of the range.

    The root of the mean variance of a value; None where there is one answer to each.
    """
    answers = completions.context.drawn.answers
    if answers is None:
        return None
    unit = value_unit(completions.manifest)
    variances = (answers.astype(np.float64) / unit).var(axis=1, ddof=1)
    of_examples = variances.reshape(len(answers), -1).mean(axis=1)
    count = len(of_examples)
    error = float(of_examples.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return root_of(Estimate(float(of_examples.mean()), error))


def frechet(completions: Completions) -> Estimate | None:
    """The Frechet distance of all answers to the training split."""
    context = completions.context
    examples = context.generated if completions.is_generated else context.held_out
    return feature_distances.frechet(examples)


def _decibels(squares: np.ndarray, completions: Completions) -> np.ndarray:
    """Mean squared errors in units of the range, in dB.

    An error below that of rounding to the levels says nothing more, and none at all would
    be infinitely many dB.
    """
    least = 1.0 / (12.0 * value_unit(completions.manifest) ** 2)
    found: np.ndarray = -10.0 * np.log10(np.maximum(squares, least))
    return found


def _similarity(one: Tensor, other: Tensor) -> np.ndarray:
    """Shapes: (n, C, H, W) in [0, 1] twice -> (n,)"""
    # It takes seconds, and few runs need it.
    from torchmetrics.functional.image import structural_similarity_index_measure

    found = structural_similarity_index_measure(
        one, other, reduction="none", data_range=1.0
    )
    assert isinstance(found, Tensor)
    array: np.ndarray = found.reshape(len(one)).numpy()
    return array


def _unit(stored: np.ndarray, completions: Completions) -> Tensor:
    """Stored images in [0, 1], float64. Shapes: (n, C, H, W) -> the same"""
    return to_unit(torch.from_numpy(stored), completions.manifest).double()


def _shown(real: np.ndarray, completions: Completions) -> Tensor:
    """The pictures of the measurements of examples, in stored units, not rounded."""
    operator = _placed(completions, len(real))
    return operator.shown(operator(torch.from_numpy(real).double()))


def _placed(completions: Completions, count: int) -> LinearOperator:
    operator = completions.context.drawn.operator
    assert operator is not None
    return operator.at(torch.arange(count), completions.manifest.shape, seed=0)


def _sums(values: Tensor) -> Tensor:
    """Shapes: (n, *) -> (n,)"""
    return values.flatten(1).sum(dim=1)
