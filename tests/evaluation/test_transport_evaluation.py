"""Flows that are exact and flows that are not, measured from start to data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snowmelt.common.array_files import read_arrays
from snowmelt.common.errors import UserError
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.densities import CoupledMixture, Gaussian
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Straight
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import RectifiedFlow
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.evaluation import transport_evaluation
from snowmelt.evaluation.settings import TransportSettings
from snowmelt.evaluation.transport.carried_samples import CarriedSamples
from snowmelt.evaluation.transport.compared_sets import compared_sets
from snowmelt.evaluation.transport.true_pairs import pair_law
from snowmelt.evaluation.transport.walked_states import walked
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.guidance.guidance import Conditioning, Unguided
from snowmelt.sampling.sample_request import SampleRequest
from snowmelt.sampling.samplers import Euler
from snowmelt.training.checkpoint import Checkpoint

PROCESS = RectifiedFlow(RectifiedClock())
CPU = torch.device("cpu")
COUNT = 800
# Data N(2, 1/2) in the first coordinate; in the model's units the mean is 0.
MEAN, STD = np.array([4.0, 0.0]), np.array([0.5, 1.5])
NAMES = "wasserstein_2", "path_energy", "cost", "straightness", "marginals", "coupling"
SETTINGS = TransportSettings(set_size=200, sets=4, times=5)


def normals(seed: int, mean: np.ndarray, std: np.ndarray, count: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, 2))
    return (mean + std * drawn).astype(np.float32)


def config(coupling: str) -> dict[str, Any]:
    return {
        "coupling": {"_target_": f"snowmelt.couplings.{coupling}"},
        "interpolant": {"_target_": "snowmelt.interpolants.Straight"},
        "training": {"batch_size": 100},
    }


class Exact(Denoiser):
    def __init__(self, ends: Any, start: StartPoints) -> None:
        super().__init__(nn.Linear(1, 1), PROCESS, Flow())
        self.ends, self.start, self.has_score = ends, start, False

    def estimates(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        x_0, x_1 = self.ends(x_t.double(), t)
        return x_0.to(x_t.dtype), x_1.to(x_t.dtype)


@dataclass(frozen=True, eq=False)
class Known(CarriedSamples):
    """Samples of a flow that is known."""

    ends: Any = None

    def generator(self, device: torch.device) -> Generator:
        request = SampleRequest(
            self.checkpoint, "c", Euler(40), Unguided(), Conditioning((2,)),
            {"sampler": {}, "guidance": {}}, COUNT,
        )  # fmt: skip
        return Generator(request, Exact(self.ends, self.starts))


def carried(folder: Path, coupling: str, flow: str, off: float = 0.0) -> Known:
    """Standard normal starts, carried by the optimal or by the independent pairs' flow."""
    folder = folder / f"{coupling}-{flow}-{off}"
    count = 3 * COUNT
    points = normals(1, MEAN, STD, count)
    dataset.write(folder, examples=points, name="data", held_out_fraction=0.5)
    begun = normals(2, np.zeros(2), np.ones(2), count)
    dataset.write(folder / "start", examples=begun, name="start", held_out_fraction=0.5)
    data = PreparedData.open(folder)
    starts = StartPoints.open(folder, data.manifest)
    scale, mean = data.manifest.std, torch.tensor(data.manifest.mean).double()
    at = (torch.tensor(MEAN) - mean) / scale, torch.tensor(STD) / scale
    before = -mean / scale, 1.0 / scale
    slope = at[1] / before[1]

    def optimal(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Each start goes straight to the place of its own quantile, and off by some."""
        alpha, sigma = float(PROCESS.alpha(t)), float(PROCESS.sigma(t))
        shift = at[0] - slope * before[0] + off
        x_1 = (x - alpha * shift) / (sigma + alpha * slope)
        return shift + slope * x_1, x_1

    law = CoupledMixture.independent(
        Gaussian(at[0], std=at[1]), Gaussian(before[0], std=before[1])
    )

    def independent(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        x_0, x_1, _ = law.estimates(x, PROCESS, Straight(), t)
        return x_0, x_1

    checkpoint = Checkpoint(
        "i", 1, config(coupling), data.manifest, raw={}, ema={},
        start=starts.data.manifest, has_score=False,
    )  # fmt: skip
    said = {
        "checkpoint": {"identity": "i", "step": 1, "weights": "ema", "sha256": "c"},
        "sampler": {"_target_": "snowmelt.samplers.Euler", "steps": 40},
        "guidance": {"_target_": "snowmelt.guidance.Unguided"},
        "digest": "s",
        "start": starts.data.manifest.digest,
    }
    ends = optimal if flow == "optimal" else independent
    known = (law.data, law.start)
    made = Known(np.empty((COUNT, 2)), said, checkpoint, data, starts, known, ends=ends)
    samples = made.generator(CPU).draw(torch.arange(COUNT))
    return Known(samples, said, checkpoint, data, starts, known, ends=ends)


def test_the_optimal_flow_is_at_every_floor(tmp_path: Path) -> None:
    found = transport_evaluation.measure(
        SETTINGS, carried(tmp_path, "OptimalTransport", "optimal"), CPU, 0
    )
    metrics = found.metrics
    for name in NAMES:
        assert f"transport_{name}" in metrics
    for name in ("wasserstein_2", "marginals", "coupling"):
        value, floor = (metrics[f"transport_{name}{end}"] for end in ("", "_floor"))
        error = math.hypot(
            *(metrics[f"transport_{name}{end}_spread"] for end in ("", "_floor"))
        )
        assert abs(value - floor) < 4 * error + 0.1 * floor, name
    # W2^2 of the two laws, and the exact plan of sets of 200 about there.
    squared = float((MEAN**2).sum() + ((1 - STD) ** 2).sum())
    assert metrics["transport_cost"] == pytest.approx(squared, rel=0.05)
    assert metrics["transport_cost_floor"] == pytest.approx(squared, rel=0.05)
    assert metrics["transport_straightness"] == pytest.approx(0.0, abs=1e-3)
    assert "transport_straightness_floor" not in metrics
    assert metrics["transport_path_energy"] < 0.05
    assert metrics["transport_path_energy_floor"] < 0.05
    assert [row["share"] for row in found.rows] == pytest.approx(
        [1, 0.75, 0.5, 0.25, 0], abs=1e-3
    )
    assert found.protocol["n"] == 200
    assert found.protocol["sets"] == 4
    assert "left_out" not in found.protocol


def test_sets_are_of_the_rows_that_they_are_named_for(tmp_path: Path) -> None:
    given = carried(tmp_path, "OptimalTransport", "optimal")
    walk = walked(given.generator(CPU), COUNT, batch_size=300, shares=[1.0, 0.5, 0.0])
    law = pair_law(given.coupling, given.interpolant, 100, (None, None), 0)
    sets = compared_sets(given, walk, law, PROCESS, (4, 200), 0)
    first, middle, last = sets.times
    np.testing.assert_allclose(first.carried, sets.starts, atol=1e-5)
    np.testing.assert_allclose(first.true, sets.starts, atol=1e-5)
    np.testing.assert_allclose(last.carried, sets.carried, atol=1e-5)
    np.testing.assert_allclose(middle.true, 0.5 * (first.true + last.true), atol=1e-5)
    rows = given.data
    for part, split in ((sets.held_out, rows.held_out), (sets.train, rows.train)):
        found = {tuple(row) for row in part.reshape(-1, 2).tolist()}
        assert len(found) == COUNT
        assert found <= {tuple(row) for row in np.asarray(split, np.float64).tolist()}
    assert sets.joint is not None
    learned, true, reference = sets.joint
    np.testing.assert_array_equal(learned[..., 2:], sets.starts)
    np.testing.assert_array_equal(true[..., 2:], sets.starts)
    begun = np.asarray(given.starts.data.train, np.float64)
    assert {tuple(row) for row in reference[..., 2:].reshape(-1, 2).tolist()} <= {
        tuple(row) for row in begun.tolist()
    }
    for pairs, ends in (
        (learned, sets.carried),
        (true, sets.held_out),
        (reference, sets.train),
    ):
        np.testing.assert_array_equal(
            np.sort(pairs[..., :2], axis=1), np.sort(ends, axis=1)
        )


def test_a_flow_that_ends_elsewhere_is_found_out(tmp_path: Path) -> None:
    found = transport_evaluation.measure(
        SETTINGS, carried(tmp_path, "OptimalTransport", "optimal", off=0.8), CPU, 0
    ).metrics
    for name in ("wasserstein_2", "marginals", "coupling"):
        assert found[f"transport_{name}"] > 1.5 * found[f"transport_{name}_floor"], name


def test_the_flow_of_independent_pairs_is_right_on_the_way_and_crooked(
    tmp_path: Path,
) -> None:
    found = transport_evaluation.measure(
        SETTINGS, carried(tmp_path, "Independent", "independent"), CPU, 0
    )
    metrics = found.metrics
    for name in ("wasserstein_2", "marginals"):
        value, floor = (metrics[f"transport_{name}{end}"] for end in ("", "_floor"))
        assert value < 1.25 * floor, name
    # Straightness by quadrature of v = m + s' z, s^2 = (1-u)^2 a^2 + u^2.
    u = np.linspace(0, 1, 20_001)[:, None]
    slope = (u - (1 - u) * STD**2) / np.sqrt((1 - u) ** 2 * STD**2 + u**2)
    bend = np.trapezoid(slope**2, u, axis=0).sum() - ((1 - STD) ** 2).sum()
    squared = float((MEAN**2).sum() + ((1 - STD) ** 2).sum())
    assert metrics["transport_straightness"] == pytest.approx(bend / squared, rel=0.15)
    assert metrics["transport_path_energy"] == pytest.approx(bend / squared, abs=0.04)
    assert metrics["transport_drift_error"] == pytest.approx(0.0, abs=1e-8)
    assert metrics["transport_drift_error_spread"] < 1e-8
    assert "transport_coupling" not in metrics
    (left_out,) = found.protocol["left_out"]
    assert left_out.startswith("the distance of pairs of start and sample")


def test_the_states_of_optimal_pairs_are_not_those_of_independent_ones(
    tmp_path: Path,
) -> None:
    """The same flow against the pairs of another coupling: wrong on the way alone."""
    found = transport_evaluation.measure(
        SETTINGS, carried(tmp_path, "Independent", "optimal"), CPU, 0
    ).metrics
    assert found["transport_marginals"] > 1.5 * found["transport_marginals_floor"]
    assert found["transport_wasserstein_2"] < 1.25 * found["transport_wasserstein_2_floor"]
    assert found["transport_drift_error"] > 0.1


def test_it_is_the_same_again_and_the_table_is_kept(tmp_path: Path) -> None:
    given = carried(tmp_path, "OptimalTransport", "optimal")
    one, two = (transport_evaluation.measure(SETTINGS, given, CPU, 0) for _ in range(2))
    assert one.metrics == two.metrics
    assert one.protocol == two.protocol
    other = transport_evaluation.measure(SETTINGS, given, CPU, 1)
    assert other.metrics != one.metrics
    assert other.protocol["digest"] != one.protocol["digest"]
    transport_evaluation.save(one, tmp_path)
    kept = read_arrays(tmp_path / transport_evaluation.FILE)
    assert kept.keys() == {"share", "carried", "carried_se", "true", "true_se"}
    np.testing.assert_allclose(kept["carried"], [row["carried"] for row in one.rows])
    assert kept["carried"][0] == kept["true"][0]


def test_sets_are_as_many_and_as_large_as_there_are_points(tmp_path: Path) -> None:
    given = carried(tmp_path, "OptimalTransport", "optimal")
    few = transport_evaluation.measure(
        TransportSettings(set_size=10_000, sets=40, times=2), given, CPU, 0
    )
    assert (few.protocol["n"], few.protocol["sets"]) == (20, 40)
    whole = transport_evaluation.measure(
        TransportSettings(set_size=10_000, sets=1, times=2), given, CPU, 0
    )
    assert (whole.protocol["n"], whole.protocol["sets"]) == (COUNT, 1)
    assert whole.metrics["transport_wasserstein_2_spread"] is None


def test_samples_of_classes_are_not_compared_in_sets(tmp_path: Path) -> None:
    given = carried(tmp_path, "OptimalTransport", "optimal")
    asked = Known(**{**vars(given), "has_classes": True})
    found = transport_evaluation.measure(SETTINGS, asked, CPU, 0)
    kept = {key for key in found.metrics if not key.endswith("_spread")}
    assert kept == {"transport_cost", "transport_straightness"}
    assert "classes were asked for" in found.protocol["left_out"][0]


def test_other_starts_than_those_of_the_samples_are_one_line(tmp_path: Path) -> None:
    given = carried(tmp_path, "OptimalTransport", "optimal")
    said = {**given.description, "start": "0" * 64}
    with pytest.raises(UserError, match=r"began with other examples of start.*sample"):
        CarriedSamples.of(
            given.samples, said, given.checkpoint, given.data, tmp_path, False
        )
    ours = CarriedSamples.of(
        given.samples, given.description, given.checkpoint, given.data, tmp_path, False
    )
    assert ours.densities == (None, None)
    assert not ours.has_noise
