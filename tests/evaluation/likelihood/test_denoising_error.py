"""The denoising error at fixed noise levels: right where it is known, and fair."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Eps
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.evaluation.likelihood.denoising_error import (
    LEVELS,
    DenoisingErrors,
    covered,
    error_at,
    mean_error,
    squared_errors,
)

INDEX = torch.arange(20_000)


class BestForGaussian(nn.Module):
    """Of standard normal data the best estimate of the noise is sigma times the state."""

    def forward(self, x: Tensor, log_snr: Tensor, *labels: Tensor) -> Tensor:
        return torch.sigmoid(-log_snr).sqrt()[:, None] * x


def gaussian(process: Process) -> Denoiser:
    return Denoiser(BestForGaussian(), process, Eps())


def test_it_is_right_where_it_is_known() -> None:
    """With sigma x_t for an estimate the mean squared error is alpha squared."""
    x_0 = normal((1,), seed=3, stream=Stream.CLOUD, index=INDEX)
    errors = squared_errors(gaussian(VariancePreserving(Cosine())), x_0, INDEX, seed=0)
    assert errors.shape == (len(INDEX), len(LEVELS))
    known = torch.sigmoid(torch.tensor(LEVELS, dtype=torch.float64))
    torch.testing.assert_close(errors.mean(0), known, rtol=0.05, atol=0)
    whole = DenoisingErrors(LEVELS, errors)
    mean = mean_error(whole)
    assert mean is not None
    assert mean.value == pytest.approx(float(known.mean()), rel=0.04)
    assert mean.spread is not None
    assert abs(mean.value - float(known.mean())) < 4 * mean.spread
    at = error_at(-8)(whole)
    assert at is not None
    assert at.value == float(errors[:, 0].mean())


def test_one_network_gets_one_number_whatever_it_was_trained_by(process: Process) -> None:
    x_0, index = normal((3,), seed=3, stream=Stream.CLOUD, index=INDEX[:9]), INDEX[:9]
    usual = squared_errors(gaussian(VariancePreserving(Cosine())), x_0, index, seed=0)
    assert torch.equal(squared_errors(gaussian(process), x_0, index, seed=0), usual)


def test_no_batch_changes_it_and_the_seed_does() -> None:
    denoiser = gaussian(VariancePreserving(Cosine()))
    x_0, index = normal((3,), seed=3, stream=Stream.CLOUD, index=INDEX[:9]), INDEX[:9]
    whole = squared_errors(denoiser, x_0, index, seed=0)
    parts = [
        squared_errors(denoiser, x_0[rows], index[rows], seed=0) for rows in index.split(4)
    ]
    torch.testing.assert_close(torch.cat(parts), whole)
    assert not torch.equal(squared_errors(denoiser, x_0, index, seed=1), whole)


def test_what_was_not_trained_is_not_asked() -> None:
    assert covered(VariancePreserving(Cosine())) == LEVELS
    narrow = covered(VariancePreserving(Cosine(log_snr_max=5.0, log_snr_min=-6.0)))
    assert narrow == (-6, -4, -2, 0, 2, 4)
    errors = DenoisingErrors(narrow, torch.rand(4, len(narrow)).double())
    assert mean_error(errors) is None
    assert error_at(-8)(errors) is None
    assert error_at(4)(errors) is not None
