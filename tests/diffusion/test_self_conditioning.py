"""The estimate that a self-conditioned network sees behind the state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Simple
from snowmelt.diffusion.predictions import Eps, Prediction, V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.self_conditioning import ESTIMATE_LIMIT, Fresh, Last

TIMES = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)


class Spy(nn.Module):
    """An answer that depends on state, estimate, weight and label; keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.7))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        state, estimate = x.chunk(2, dim=1)
        self.seen.append(estimate)
        shift = 0.0 if labels is None else 0.1 * labels[:, None]
        return self.weight * (state + 0.5 * estimate) + shift


def made(prediction: Prediction | None = None) -> tuple[Denoiser, Spy]:
    spy = Spy()
    process = VariancePreserving(Cosine())
    return Denoiser(spy, process, prediction or V(), self_conditioned=True), spy


def states(count: int = 5) -> Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(0))


def test_without_a_source_it_sees_zeros_and_remembers_nothing() -> None:
    denoiser, spy = made()
    first, second = (denoiser.x_0(states(), TIMES) for _ in range(2))
    assert torch.equal(first, second)
    assert not any(seen.any() for seen in spy.seen)


def test_on_a_trajectory_it_sees_the_estimate_of_the_evaluation_before() -> None:
    denoiser, spy = made()
    follower = denoiser.on_a_trajectory()
    first = follower.x_0(states(), TIMES)
    second = follower.eps(states() + 1, TIMES)
    follower(states(), TIMES)
    assert not spy.seen[0].any()
    torch.testing.assert_close(spy.seen[1], first)
    assert not torch.allclose(second, denoiser.eps(states() + 1, TIMES))
    assert not torch.allclose(spy.seen[2], first)
    denoiser(states(), TIMES)
    assert not spy.seen[-1].any(), "the denoiser itself stays without memory"
    denoiser.on_a_trajectory()(states(), TIMES)
    assert not spy.seen[-1].any(), "another trajectory begins with nothing"


def test_others_are_no_followers() -> None:
    plain = Denoiser(nn.Identity(), VariancePreserving(Cosine()), V())
    assert plain.on_a_trajectory() is plain


def test_estimates_that_explode_are_cut() -> None:
    denoiser, spy = made(Eps())
    follower = denoiser.on_a_trajectory()
    late = torch.ones(5, dtype=torch.float64)
    assert float(follower.x_0(states(), late).abs().max()) > 10 * ESTIMATE_LIMIT
    follower(states(), late)
    assert float(spy.seen[1].abs().max()) == ESTIMATE_LIMIT


def test_what_is_remembered_holds_no_graph() -> None:
    source, answer = Last(), torch.ones(2, requires_grad=True) * 2
    source.made(lambda: answer)
    assert source.x_0_hat is not None
    assert not source.x_0_hat.requires_grad


def test_the_chosen_examples_see_a_first_answer_about_the_same_states() -> None:
    denoiser, spy = made()
    labels = torch.arange(5)
    told = denoiser.with_labels(labels)
    expected = told.x_0(states(), TIMES).detach()
    chosen = torch.tensor([True, False, True, True, False])
    told.with_estimates(Fresh(chosen))(states(), TIMES)
    torch.testing.assert_close(spy.seen[-1][chosen], expected[chosen])
    assert not spy.seen[-1][~chosen].any()
    assert len(spy.seen[-2]) == 4, "three, rounded up to quarters of five"


def test_a_compiled_network_is_asked_about_few_sizes() -> None:
    denoiser, spy = made()
    x_t, t = states(24), torch.full((24,), 0.5, dtype=torch.float64)
    for count in range(1, 25):
        chosen = torch.arange(24).roll(count) < count
        denoiser.with_estimates(Fresh(chosen))(x_t, t)
        assert int((spy.seen[-1] != 0).any(1).sum()) == count
    assert {len(seen) for seen in spy.seen[::2]} == {6, 12, 18, 24}


def test_where_nobody_is_chosen_the_network_is_asked_once() -> None:
    denoiser, spy = made()
    denoiser.with_estimates(Fresh(torch.zeros(5, dtype=torch.bool)))(states(), TIMES)
    assert len(spy.seen) == 1


def test_no_gradient_goes_through_the_first_answer() -> None:
    denoiser, spy = made()
    eps = states() - 1
    fresh = denoiser.with_estimates(Fresh(torch.ones(5, dtype=torch.bool)))
    Simple()(fresh, states(), TIMES, eps).mean().backward()
    found, spy.weight.grad = spy.weight.grad, None
    x_t = denoiser.process.perturb(states(), TIMES, eps)
    source = Last()
    source.made(lambda: denoiser.x_0(x_t, TIMES))
    Simple()(denoiser.with_estimates(source), states(), TIMES, eps).mean().backward()
    assert found is not None
    torch.testing.assert_close(found, spy.weight.grad)


class Counted(V):
    """Notes for each estimate of the data whether it is one to train on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bool] = []

    def x_0(self, output: Tensor, *others: Tensor) -> Tensor:
        found = super().x_0(output, *others)
        self.asked.append(found.requires_grad)
        return found


def test_training_computes_no_estimate_but_the_one_that_is_shown() -> None:
    prediction = Counted()
    denoiser, _ = made(prediction)
    fresh = denoiser.with_estimates(Fresh(torch.ones(5, dtype=torch.bool)))
    Simple()(fresh, states(), TIMES, states() - 1).mean().backward()
    assert prediction.asked == [False]


def test_what_a_trajectory_remembers_is_computed_without_a_graph() -> None:
    prediction = Counted()
    made(prediction)[0].on_a_trajectory()(states(), TIMES)
    assert prediction.asked == [False]
