"""Samplers carry any start to the data, along the exact flow of a known law of ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from tests.sampling.exact_flows import COSINE, COUNT, STRAIGHT
from tests.tiny_models import generator, images, network, points
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.start_points import FOLDER, StartPoints
from snowmelt.densities import CoupledMixture, ExactFlow, Gaussian, GaussianMixture
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import (
    BrownianBridge,
    Constant,
    Interpolant,
    Straight,
)
from snowmelt.diffusion.predictions import Flow, Prediction, V
from snowmelt.diffusion.processes import Process
from snowmelt.sampling import sample_facts
from snowmelt.sampling.compared_paths import compared_paths
from snowmelt.sampling.samplers import DDIM, DPM, EulerMaruyama, Heun, sample
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training import checkpoint as checkpoints
from snowmelt.training.checkpoint import Checkpoint


def flow(
    law: CoupledMixture,
    process: Process,
    interpolant: Interpolant,
    prediction: Prediction | None = None,
) -> Denoiser:
    prediction = prediction or Flow()
    net = ExactFlow(law, process, interpolant, prediction)
    denoiser = Denoiser(net, process, prediction)
    starts = law.start.sample(COUNT, seed=5, dtype=torch.float64)
    denoiser.start = lambda index, seed: starts[index]
    denoiser.has_score = False
    return denoiser


def carried(denoiser: Denoiser, sampler: Sampler) -> Tensor:
    return sample(denoiser, sampler, torch.arange(COUNT), (2,), seed=0)


@pytest.mark.parametrize("interpolant", [Straight(), Constant(0.05), BrownianBridge(0.7)])
@pytest.mark.parametrize("process", [STRAIGHT, COSINE], ids=["straight", "cosine"])
@pytest.mark.parametrize("sampler", [Heun(60), DPM(60)], ids=["heun", "dpm"])
def test_the_flow_of_two_normal_laws_ends_in_the_second(
    process: Process, interpolant: Interpolant, sampler: Sampler
) -> None:
    data = Gaussian([1.0, -0.5], covariance=[[1.0, 0.4], [0.4, 0.6]])
    start = Gaussian([-2.0, 2.0], covariance=[[0.5, -0.2], [-0.2, 1.5]])
    law = CoupledMixture.entropic(data, start, 0.49)
    found = carried(flow(law, process, interpolant, V()), sampler)
    # Where the start's own draws are a little off, so are the ends.
    torch.testing.assert_close(found.mean(0), data.mean(), rtol=0, atol=0.1)
    torch.testing.assert_close(found.T.cov(), data.covariance(), rtol=0, atol=0.1)


def test_every_mode_of_the_data_gets_its_share() -> None:
    data = GaussianMixture([0.3, 0.7], [[-3.0, 0.0], [3.0, 0.0]], 0.1)
    start = GaussianMixture([0.5, 0.5], [[0.0, 4.0], [0.0, -4.0]], 0.1)
    law = CoupledMixture.independent(data, start)
    found = carried(flow(law, STRAIGHT, Straight()), Heun(100))
    assert float((found[:, 0] < 0).double().mean()) == pytest.approx(0.3, abs=0.03)
    assert float((found[:, 0].abs() - 3.0).abs().max()) < 6 * 0.32
    assert float(found[:, 1].abs().max()) < 6 * 0.32


def test_a_pair_of_points_moves_at_one_pace() -> None:
    """Between two points a rectified flow is a line: one step is as good as many."""
    data, start = Gaussian([1.0, 0.0], std=1e-3), Gaussian([-1.0, 2.0], std=1e-3)
    denoiser = flow(CoupledMixture.independent(data, start), STRAIGHT, Straight())
    one, many = (carried(denoiser, DDIM(steps)) for steps in (1, 50))
    # At t = 1 a thousandth of the data is left in what stands for the start.
    torch.testing.assert_close(one.mean(0), many.mean(0), rtol=0, atol=4e-3)
    torch.testing.assert_close(one.mean(0), data.mean(), rtol=0, atol=1e-2)


# ---- without a score


def test_a_flow_without_a_score_takes_no_noise_and_gives_no_score() -> None:
    law = CoupledMixture.independent(Gaussian([0.0], std=1.0), Gaussian([1.0], std=1.0))
    denoiser = flow(law, STRAIGHT, Straight())
    for sampler in (EulerMaruyama(5), DDIM(5, eta=1.0)):
        with pytest.raises(ValueError, match="does not know: take a deterministic sampler"):
            sample(denoiser, sampler, torch.arange(2), (1,), seed=0)
    with pytest.raises(ValueError, match="has no score"):
        denoiser.score(torch.zeros(2, 1), torch.tensor(0.5))
    copied = denoiser.with_labels(None)
    assert copied.start is denoiser.start
    assert not copied.has_score


def test_only_the_flow_is_compared_where_there_is_no_score() -> None:
    denoiser = network(points(), COSINE)
    denoiser.has_score = False
    assert set(compared_paths(denoiser, points(), seed=1)) == {"ode_times", "ode_states"}


# ---- from prepared starts


@pytest.fixture
def starts(tmp_path: Path) -> StartPoints:
    far = 9.0 + np.random.default_rng(0).normal(size=(40, 2))
    dataset.write(tmp_path / FOLDER, examples=far.astype(np.float32), name="far")
    return StartPoints.open(tmp_path, points())


def test_a_request_begins_with_its_starts(starts: StartPoints) -> None:
    plain = generator(points(), count=6).request
    begun = replace(plain, starts=starts)
    assert begun.describe()["start"] == starts.data.manifest.digest
    assert "start" not in plain.describe()
    assert begun.describe()["identity"] != plain.describe()["identity"]
    with pytest.raises(
        UserError, match=r"num_samples=9 is more than the 8 held-out starts"
    ):
        replace(begun, num_samples=9)


def test_a_checkpoint_remembers_where_it_begins(
    starts: StartPoints, tmp_path: Path
) -> None:
    weights = network(points()).net.state_dict()
    config = {
        "schedule": {"_target_": "snowmelt.schedules.Cosine"},
        "process": {"_target_": "snowmelt.processes.VariancePreserving"},
        "prediction": {"_target_": "snowmelt.predictions.V"},
        "net": {"_target_": "snowmelt.nets.MLP", "width": 8, "blocks": 1, "embedding": 8},
    }
    made = Checkpoint("i", 1, config, points(), raw=weights, ema=weights)
    begun = replace(made, start=starts.data.manifest, has_score=False)
    for one in (made, begun):
        checkpoints.save(tmp_path / "model.ckpt", one)
        read = checkpoints.load(tmp_path / "model.ckpt")
        assert (read.start, read.has_score) == (one.start, one.has_score)
    denoiser = read.denoiser("ema", starts)
    found = sample(denoiser, Heun(3), torch.arange(4), (2,), seed=0)
    assert found.shape == (4, 2)
    assert denoiser.start is starts
    with pytest.raises(UserError, match="give it the prepared starts"):
        sample(read.denoiser(), Heun(3), torch.arange(4), (2,), seed=0)


def test_starts_of_images_are_written_a_few_at_a_time(tmp_path: Path) -> None:
    """As many as fit in 4 MB, in their order, whatever the size of an image."""
    shape, count, seen = (3, 64, 64), 200, []
    made = generator(replace(images(), shape=shape), count=count)

    def begun(index: Tensor, seed: int) -> Tensor:
        seen.append(len(index))
        return (index[:, None, None, None] % 17 / 8 - 1).expand(-1, *shape)

    made.denoiser.start, made.denoiser.has_score = begun, False
    starts = StartPoints(cast(PreparedData, None), made.manifest, noise_std=0.1)
    made = replace(made, request=replace(made.request, starts=starts))
    sample_facts.save_starts(made, tmp_path / "starts.npy")
    levels = np.load(tmp_path / "starts.npy")
    assert np.array_equal(levels[:, 2, 5, 7], np.arange(count) % 17)
    assert sum(seen) == count
    assert max(seen) * 3 * 64 * 64 <= 2**20
