"""The error of a drift: none of a network without error, and what is put into it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.combinations import close, double
from tests.sampling.exact_flows import COSINE, STRAIGHT, ExactBridge
from torch import Tensor

from snowmelt.densities import CoupledMixture, ExactFlow, Gaussian, GaussianMixture
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import BrownianBridge, Constant, Interpolant, Straight
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.transport.drift_error import drift_errors, known_drift
from snowmelt.evaluation.transport.true_pairs import PairLaw, pair_law
from snowmelt.evaluation.transport.walked_states import Moment
from snowmelt.training.couplings import Independent, OptimalTransport, Paired, Sinkhorn

DATA = GaussianMixture([0.3, 0.7], [[-1.0, 0.5], [1.5, -0.2]], [[0.3, 0.1], [0.1, 0.4]])
START = GaussianMixture([0.5, 0.5], [[2.0, 2.0], [-2.0, 1.0]], [0.2, 0.5])
ONE = Gaussian([1.0, -0.5], covariance=[[1.0, 0.4], [0.4, 0.6]])
TWO = Gaussian([-2.0, 2.0], covariance=[[0.5, -0.2], [-0.2, 1.5]])
COUNT = 200
every_process = pytest.mark.parametrize(
    "process", [STRAIGHT, COSINE], ids=["straight", "cosine"]
)


def carried(
    coupling: Any, between: Interpolant, ends: Any = (ONE, TWO), eta: float | None = None
) -> Any:
    """What is asked of samples; without noise unless there is an eta."""
    return SimpleNamespace(
        coupling=coupling, interpolant=between, densities=ends,
        has_noise=eta is not None, walks_bridge=eta == 1.0,
    )  # fmt: skip


def moments(process: Process) -> list[Moment]:
    found = []
    for at in (1.0, 0.8, 0.5, 0.2, 0.0):
        t = double(at)[0]
        alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
        inside = sigma / (alpha + sigma)
        found.append(Moment(t, inside if 0 < at < 1 else at, torch.empty(0)))
    return found


class Off(torch.nn.Module):
    """A network with something added to its answers."""

    def __init__(self, net: torch.nn.Module, by: list[float]) -> None:
        super().__init__()
        self.net, self.by = net, by
        self.some = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        answer: Tensor = self.net(x, log_snr)
        return answer + torch.tensor(self.by, dtype=answer.dtype)


def errors(
    given: Any, law: CoupledMixture, process: Process, by: list[float], pairs: PairLaw
) -> Tensor:
    exact = known_drift(given, pairs, process)
    assert exact is not None
    between = given.interpolant
    if len(by) == 4:
        net: Any = Off(ExactBridge(law, process, between, Flow()), by)
        denoiser: Denoiser = BridgeDenoiser(net, process, Flow(), between)
    else:
        net = Off(ExactFlow(law, process, between, Flow()), by)
        denoiser = Denoiser(net, process, Flow())
    ends = law.sample(COUNT, seed=3)
    found = drift_errors(
        denoiser, process, exact, between, ends, moments(process),
        float(given.walks_bridge), 5,
    )  # fmt: skip
    assert found is not None
    assert found.shape == (COUNT,)
    return found


@every_process
@pytest.mark.parametrize("between", [Straight(), Constant(0.3), BrownianBridge(0.7)])
def test_the_exact_flow_between_mixtures_has_none(
    process: Process, between: Interpolant
) -> None:
    given = carried(Independent(), between, (DATA, START))
    law = CoupledMixture.independent(DATA, START)
    pairs = pair_law(Independent(), between, 8, (DATA, START), 0)
    assert float(errors(given, law, process, [0.0, 0.0], pairs).max()) < 1e-12


@every_process
@pytest.mark.parametrize("eta", [None, 1.0], ids=["flow", "walked"])
def test_the_exact_schroedinger_bridge_has_none(
    process: Process, eta: float | None
) -> None:
    """The flow by its velocity; the walk by (E[x_0] - y) / u, of another closed form."""
    coupling, between = Sinkhorn(0.49), BrownianBridge(0.7)
    given = carried(coupling, between, eta=eta)
    law = CoupledMixture.entropic(ONE, TWO, 0.49)
    pairs = pair_law(coupling, between, 8, (ONE, TWO), 0)
    assert float(errors(given, law, process, [0.0] * 4, pairs).max()) < 1e-10


def test_optimal_pairs_are_held_against_the_bridge_of_the_noise_on_the_way() -> None:
    coupling, between = OptimalTransport(), BrownianBridge(0.7)
    given = carried(coupling, between, eta=1.0)
    pairs = pair_law(coupling, between, 8, (ONE, TWO), 0, is_walked=True)
    right = CoupledMixture.entropic(ONE, TWO, 0.49)
    assert float(errors(given, right, STRAIGHT, [0.0] * 4, pairs).max()) < 1e-10
    wrong = CoupledMixture.independent(ONE, TWO)
    assert float(errors(given, wrong, STRAIGHT, [0.0] * 4, pairs).mean()) > 0.1


def test_what_is_added_to_the_velocity_is_the_error() -> None:
    given = carried(Independent(), Straight(), (DATA, START))
    law = CoupledMixture.independent(DATA, START)
    pairs = pair_law(Independent(), Straight(), 8, (DATA, START), 0)
    found = errors(given, law, STRAIGHT, [0.3, -0.4], pairs)
    close(found, torch.full((COUNT,), 0.25, dtype=torch.float64), rtol=1e-3)


def test_what_is_added_to_the_score_counts_by_its_weight_in_the_drift() -> None:
    """Half of s^2 times the score, all along the walk, and nothing of the flow."""
    coupling, between = Sinkhorn(0.49), BrownianBridge(0.7)
    law, by = CoupledMixture.entropic(ONE, TWO, 0.49), [0.0, 0.0, 0.3, -0.4]
    pairs = pair_law(coupling, between, 8, (ONE, TWO), 0)
    found = errors(carried(coupling, between, eta=1.0), law, STRAIGHT, by, pairs)
    expected = 0.25 * (0.5 * 0.7**2 / 0.7) ** 2  # the answer is in units of 1 / s
    close(found, torch.full((COUNT,), expected, dtype=torch.float64), rtol=2e-3)
    found = errors(carried(coupling, between), law, STRAIGHT, by, pairs)
    assert float(found.max()) < 1e-10


def test_where_no_drift_is_known_there_is_none() -> None:
    asked = [
        (Independent(), Straight(), (DATA, None), None),
        (Paired(), Straight(), (ONE, TWO), None),
        (OptimalTransport(), Straight(), (ONE, TWO), None),
        (Sinkhorn(0.49), Straight(), (ONE, TWO), None),
        (Sinkhorn(0.49), BrownianBridge(0.7), (ONE, TWO), 0.5),
    ]
    for coupling, between, ends, eta in asked:
        pairs = pair_law(coupling, between, 8, ends, 0)
        assert known_drift(carried(coupling, between, ends, eta), pairs, STRAIGHT) is None
