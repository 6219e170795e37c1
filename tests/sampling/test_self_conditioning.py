"""Every sampler and every guidance with a network that sees its last estimate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from omegaconf import OmegaConf
from tests.sampling.guidance.test_guidance import FILES as GUIDANCES
from tests.sampling.guidance.test_guidance import SHAPE, conditioning
from tests.sampling.samplers.test_loop import FILES as SAMPLERS
from tests.sampling.samplers.test_loop import in_batches
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.self_conditioning import ESTIMATE_LIMIT, Last
from snowmelt.nets.unet import UNet
from snowmelt.sampling.guidance import ClassifierFreeGuidance
from snowmelt.sampling.guidance.guidance import Draw, Guidance
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.inversion import round_trip
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import Sampler, WholePath

every_sampler = pytest.mark.parametrize("file", SAMPLERS, ids=lambda file: file.stem)
every_guidance = pytest.mark.parametrize("file", GUIDANCES, ids=lambda file: file.stem)


class Mixing(nn.Module):
    """Half the state and a third of the estimate; keeps the estimates that it saw."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.outputs = outputs
        self.seen: list[Tensor] = []
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        state, estimate = x.chunk(2, dim=1)
        self.seen.append(estimate)
        shift = 0.0 if labels is None else 0.1 * labels.to(x.dtype)[:, None, None, None]
        return torch.cat([state / 2 - estimate / 3 + shift] * self.outputs, dim=1)


def mixing(*, learned: bool = False) -> Denoiser:
    net = Mixing(2 if learned else 1)
    return Denoiser(net, VariancePreserving(Cosine()), V(), learned, True).eval()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The estimates that trajectories hear of, in order."""
    heard: list[Tensor] = []
    keep = Last.made

    def hear(self: Last, estimate: Callable[[], Tensor]) -> None:
        heard.append(estimate())
        keep(self, estimate)

    monkeypatch.setattr(Last, "made", hear)
    return heard


@every_sampler
def test_each_evaluation_sees_the_estimate_of_the_one_before(
    file: object, made: list[Tensor]
) -> None:
    sampler = build({**OmegaConf.load(file), "steps": 4}, Sampler)  # type: ignore[dict-item, arg-type]
    denoiser = mixing(learned=sampler.needs_learned_variance)
    sample(denoiser, sampler, torch.arange(2), (1, 4, 4), seed=0)
    seen = denoiser.net.seen
    assert isinstance(seen, list)
    assert not seen[0].any()
    if isinstance(sampler, WholePath):
        assert not any(estimate.any() for estimate in seen)
        assert not made
        return
    assert len(seen) == len(made) == sampler.evaluations
    for found, before in zip(seen[1:], made, strict=False):
        limited = before.clamp(-ESTIMATE_LIMIT, ESTIMATE_LIMIT)
        assert torch.equal(found, limited)
        assert found.any()


def network(outputs: int = 1, classes: int = 0) -> UNet:
    torch.manual_seed(0)
    net = UNet(
        SHAPE,
        widths=[8, 16],
        blocks=1,
        attention=[False, True],
        embedding=16,
        inputs=2,
        outputs=outputs,
        classes=classes,
    )
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.1)
    return net


def check_batches(draw: Callable[[Tensor], Tensor]) -> None:
    whole = draw(torch.arange(4))
    assert whole.isfinite().all()
    for size in (1, 3):
        torch.testing.assert_close(in_batches(draw, 4, size), whole, rtol=1e-3, atol=1e-3)
    order = torch.tensor([3, 0])
    torch.testing.assert_close(draw(order), whole[order], rtol=1e-3, atol=1e-3)


@every_sampler
def test_a_batch_changes_no_sample(file: object) -> None:
    sampler = build({**OmegaConf.load(file), "steps": 3}, Sampler)  # type: ignore[dict-item, arg-type]
    learned = sampler.needs_learned_variance
    net, process = network(2 if learned else 1), VariancePreserving(Cosine())
    denoiser = Denoiser(net, process, V(), learned, True).eval()
    check_batches(lambda index: sample(denoiser, sampler, index, SHAPE, seed=1))


@every_guidance
def test_a_batch_changes_no_guided_sample(file: object) -> None:
    guidance = build(OmegaConf.load(file), Guidance)  # type: ignore[arg-type]
    net, process = network(classes=3), VariancePreserving(Cosine())
    denoiser = Denoiser(net, process, V(), self_conditioned=True).eval()

    def draw(index: Tensor) -> Tensor:
        return guidance.draw(Draw(denoiser, DDIM(2), index, conditioning(), seed=1))

    check_batches(draw)
    assert denoiser.estimate_source is None


def test_both_evaluations_of_a_guided_step_see_the_guided_estimate(
    made: list[Tensor],
) -> None:
    denoiser, guidance = mixing(), ClassifierFreeGuidance(scale=3.0)
    guidance.draw(Draw(denoiser, DDIM(3), torch.arange(3), conditioning(), seed=0))
    seen = denoiser.net.seen
    assert isinstance(seen, list)
    assert (len(seen), len(made)) == (6, 3)
    for step in (1, 2):
        assert torch.equal(seen[2 * step], seen[2 * step + 1])
        torch.testing.assert_close(seen[2 * step], made[step - 1].clamp(-5, 5))


def test_a_round_trip_by_ddim_sees_estimates_both_ways() -> None:
    denoiser, x_0 = mixing(), torch.randn(3, 1, 4, 4)
    errors = [float(round_trip(denoiser, x_0, steps=n).error.mean()) for n in (20, 80, 320)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2], errors


def test_what_is_seen_changes_the_samples() -> None:
    denoiser, index = mixing(), torch.arange(2)
    found = sample(denoiser, Heun(4), index, SHAPE, seed=0)

    class Forgetful(Denoiser):
        def on_a_trajectory(self) -> Denoiser:
            return self

    plain = Forgetful(
        denoiser.net, denoiser.process, denoiser.prediction, self_conditioned=True
    )
    assert not torch.allclose(sample(plain, Heun(4), index, SHAPE, seed=0), found)
