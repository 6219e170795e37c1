"""Paired flows give the answers that are exact for normal colours: by mean and by spread.

A pixel's three channels are normal and its grey is given. Then the law of the colour is
normal too, with a mean and a covariance that are known. For normal ends the best denoiser
is affine, so least squares over the pairs that a training step really sees is the network
without error, and a sampler of many steps the flow without error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snowmelt.data.prepared import dataset, degraded_rows
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.data.prepared.start_points import FOLDER, StartPoints
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Straight
from snowmelt.diffusion.operators import Gray
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import Process, RectifiedFlow
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.sampling.samplers import DDIM, sample
from snowmelt.training.batch_order import BatchStream
from snowmelt.training.couplings import Coupling, Independent, Paired
from snowmelt.training.pairs import Pairs
from snowmelt.training.step_draws import StepDraws

COUNT = 20_000
SHAPE = (3, 1, 1)
MEAN = torch.tensor([0.1, -0.05, -0.2], dtype=torch.float64)
ROOT = torch.tensor([[0.24, 0, 0], [0.1, 0.16, 0], [-0.03, 0.1, 0.2]], dtype=torch.float64)
COVARIANCE = ROOT @ ROOT.T
GRAY = {"_target_": "snowmelt.operators.Gray"}
# Nothing of the data is left in the start's place.
PROCESS = RectifiedFlow(RectifiedClock(14.0, -60.0))


class LeastSquares(Denoiser):
    """The best affine denoiser of some pairs, at any time."""

    def __init__(self, x_0: Tensor, x_1: Tensor, process: Process) -> None:
        super().__init__(nn.Identity(), process, Flow())
        self.ends = torch.cat((x_0, x_1), dim=1)
        self.has_score = False

    def estimates(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        process, (x_0, x_1) = self.process, self.ends.chunk(2, dim=1)
        seen = _with_one(process.alpha(t) * x_0 + process.sigma(t) * x_1)
        # A direction that the starts do not have has no slope.
        weights = torch.linalg.pinv(seen, rtol=1e-6) @ self.ends
        found = _with_one(x_t.flatten(1).double()) @ weights
        return tuple(part.reshape(x_t.shape) for part in found.chunk(2, dim=1))  # type: ignore[return-value]


def _with_one(x: Tensor) -> Tensor:
    return torch.cat((torch.ones(len(x), 1, dtype=x.dtype), x), dim=1)


@dataclass(frozen=True)
class Task:
    data: PreparedData
    starts: StartPoints

    def denoiser(self, coupling: Coupling) -> LeastSquares:
        """Of the pairs of one pass through the data, as a training step makes them."""
        count = len(self.data.train)
        pairs = Pairs(coupling, Straight(), self.starts, batch_size=count)
        stream = BatchStream(self.data.train, batch_size=count, steps=1, seed=4)
        batch = next(iter(stream))
        x_0 = to_model(batch.stored, self.data.manifest)
        t = torch.full((count,), 0.5, dtype=torch.float64)
        ends = pairs.ends(PROCESS, x_0, t, StepDraws(4, 0, batch.slot))
        x_0, x_1 = (end.flatten(1).double() for end in ends[:2])
        denoiser = LeastSquares(x_0, x_1, PROCESS)
        denoiser.start = self.starts
        return denoiser

    def answers(self, denoiser: Denoiser, index: Tensor, steps: int = 100) -> Tensor:
        return sample(denoiser, DDIM(steps), index, SHAPE, seed=2).flatten(1)

    def posterior_mean(self, index: Tensor) -> Tensor:
        """E[x_0 | grey], by the covariance that the colours were drawn with."""
        gray = self.starts.given(index).flatten(1).double()[:, :1]
        slope = COVARIANCE.mean(1) / COVARIANCE.mean()
        return MEAN + (gray - MEAN.mean()) * slope


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("colours")
    drawn = torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(0)).double()
    colours = MEAN + drawn @ ROOT.T
    levels = ((colours + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    images = np.ascontiguousarray(levels.reshape(COUNT, *SHAPE))
    dataset.write(found, examples=images, name="colours", value_range=(0, 255))
    degraded_rows.write(found / FOLDER, PreparedData.open(found), Gray())
    return found


def task(folder: Path, noise_std: float) -> Task:
    data = PreparedData.open(folder)
    section = {"by": GRAY, "noise_std": noise_std}
    return Task(data, StartPoints.open(folder, data.manifest, section))


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_every_process_trains_on_pairs(folder: Path, world_size: int) -> None:
    """Each sees its share of a batch, in the order that all of them shuffle alike."""
    noisy, gray = task(folder, 0.3), Gray().at(torch.arange(1), SHAPE, seed=0)
    pairs = Pairs(Paired(), Straight(), noisy.starts, batch_size=40)
    for rank in range(world_size):
        place = {"rank": rank, "world_size": world_size}
        stream = BatchStream(noisy.data.train, batch_size=40, steps=3, seed=4, **place)
        for step, batch in enumerate(stream):
            x_0 = to_model(batch.stored, noisy.data.manifest)
            t = torch.full((len(x_0),), 0.5, dtype=torch.float64)
            ends = pairs.ends(PROCESS, x_0, t, StepDraws(4, step, batch.slot))
            assert len(x_0) == 40 // world_size
            # Noise and all, both measure the same but for the rounding to a level.
            assert float((gray(ends.x_1) - gray(x_0)).abs().max()) <= 1 / 255 + 1e-6


def test_without_noise_the_one_answer_is_the_posterior_mean(folder: Path) -> None:
    still, index = task(folder, 0.0), torch.arange(500)
    denoiser = still.denoiser(Paired())
    for steps in (1, 2, 30):
        found = still.answers(denoiser, index, steps)
        torch.testing.assert_close(
            found, still.posterior_mean(index), rtol=0, atol=0.01, check_dtype=False
        )
    # One grey has one colour, and less of it than the truth has.
    truth = to_model(
        torch.from_numpy(still.data.held_out[:500].copy()), still.data.manifest
    )
    missed = truth.flatten(1) - found
    slope = COVARIANCE.mean(1) / COVARIANCE.mean()
    left = COVARIANCE - torch.outer(slope, COVARIANCE.mean(1))
    torch.testing.assert_close(missed.double().T.cov(), left, rtol=0, atol=0.006)


@pytest.mark.parametrize("noise_std", [0.15, 0.4])
def test_with_noise_the_answers_are_draws_of_the_posterior(
    folder: Path, noise_std: float
) -> None:
    noisy = task(folder, noise_std)
    denoiser = noisy.denoiser(Paired())
    count, asked = noisy.starts.sampled_count, torch.arange(40)
    index = (asked + count * torch.arange(500)[:, None]).flatten()
    answers = noisy.answers(denoiser, index).double().reshape(500, 40, 3)
    wanted = noisy.posterior_mean(asked)
    torch.testing.assert_close(answers.mean(0), wanted, rtol=0, atol=0.03)
    slope = COVARIANCE.mean(1) / COVARIANCE.mean()
    left = COVARIANCE - torch.outer(slope, COVARIANCE.mean(1))
    around = (answers - answers.mean(0)).reshape(-1, 3)
    torch.testing.assert_close(around.T.cov(), left, rtol=0, atol=0.003)
    # Every answer has the grey that was given, to a rounding of the start.
    gray = noisy.starts.given(asked).flatten(1).double()[:, 0]
    assert float((answers.mean(2) - gray).abs().max()) < 0.01


def test_without_pairs_the_answer_does_not_know_its_start(folder: Path) -> None:
    """So the test above would see pairs that are none."""
    still, index = task(folder, 0.0), torch.arange(500)
    found = still.answers(still.denoiser(Independent()), index, 1)
    spread = found - found.mean(0)
    assert float(spread.abs().max()) < 0.03
    assert float((found - still.posterior_mean(index)).abs().max()) > 0.2
