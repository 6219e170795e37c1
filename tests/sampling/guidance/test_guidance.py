"""Laws of every guidance under conf/guidance/."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Eps, V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.nets.unet import UNet
from snowmelt.sampling.guidance.guidance import Conditioning, Draw, Guidance, Unguided
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import Sampler, WholePath

FILES = sorted((Path(__file__).parents[3] / "conf" / "guidance").glob("*.yaml"))
every_guidance = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
SHAPE = (3, 8, 8)


class Classes(nn.Module):
    """The exact noise of N(0.1 label, 0.6^2), value by value; counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        self.calls += 1
        ones = [1] * (x.ndim - 1)
        share = torch.sigmoid(log_snr.to(x.dtype)).reshape(-1, *ones)
        mean = 0.0 if labels is None else 0.1 * labels.to(x.dtype).reshape(-1, *ones)
        away = x - share.sqrt() * mean
        return (1 - share).sqrt() * away / (share * 0.6**2 + 1 - share)


def exact() -> Denoiser:
    return Denoiser(Classes(), VariancePreserving(Cosine()), Eps())


def conditioning(shape: tuple[int, ...] = SHAPE) -> Conditioning:
    def examples(index: Tensor) -> Tensor:
        places = torch.arange(torch.Size(shape).numel()).reshape(shape)
        return torch.sin(3.0 * index.reshape(-1, *[1] * len(shape)) + places)

    return Conditioning(shape, classes=("a", "b", "c"), examples=examples)


def built(file: Path) -> Guidance:
    return build(OmegaConf.load(file), Guidance)


def is_served(guidance: Guidance, sampler: Sampler) -> bool:
    try:
        guidance.check(conditioning(), sampler)
    except ValueError as error:
        if "take " not in str(error):
            raise
        return False
    return True


@every_guidance
@pytest.mark.parametrize(
    "sampler",
    [DDIM(3), DDIM(3, eta=1.0), Heun(3), Adaptive(3, rtol=0.1, atol=0.1)],
    ids=["ddim", "ddpm", "heun", "adaptive"],
)
def test_a_batch_changes_no_bit_of_a_sample(file: Path, sampler: Sampler) -> None:
    guidance = built(file)
    if not is_served(guidance, sampler):
        return
    # The solver's error estimate is a sum over a block, in which order counts.
    exactly = not isinstance(sampler, WholePath)

    def draw(index: Tensor) -> Tensor:
        return guidance.draw(Draw(exact(), sampler, index, conditioning(), seed=5))

    whole = draw(torch.arange(40))
    assert whole.shape == (40, *SHAPE)
    assert whole.dtype == torch.float32
    assert whole.isfinite().all()
    for size in (1, 7):
        parts = torch.cat([draw(part) for part in torch.arange(8).split(size)])
        difference = (parts - whole[:8]).abs().max()
        assert difference == 0 if exactly else difference < 1e-4, size
    order = torch.tensor([39, 3, 3, 0])
    torch.testing.assert_close(draw(order), whole[order], rtol=0, atol=1e-4)


@every_guidance
def test_a_batch_changes_no_sample_of_a_unet(file: Path) -> None:
    guidance = built(file)
    torch.manual_seed(0)
    widths = {"widths": [8, 16], "blocks": 1, "attention": [False, True], "embedding": 16}
    net = UNet(SHAPE, **widths, classes=3)  # type: ignore[arg-type]
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.1)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V()).eval()

    def draw(index: Tensor) -> Tensor:
        return guidance.draw(Draw(denoiser, DDIM(2), index, conditioning(), seed=1))

    whole = draw(torch.arange(5))
    for size in (1, 3):
        parts = torch.cat([draw(part) for part in torch.arange(5).split(size)])
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)
    assert all(weight.grad is None for weight in net.parameters())


@every_guidance
def test_seeds_and_indices_give_other_samples(file: Path) -> None:
    guidance, index = built(file), torch.arange(3)
    first = guidance.draw(Draw(exact(), DDIM(4), index, conditioning(), seed=0))
    again = guidance.draw(Draw(exact(), DDIM(4), index, conditioning(), seed=0))
    assert torch.equal(first, again)
    other = guidance.draw(Draw(exact(), DDIM(4), index + 3, conditioning(), seed=0))
    assert not torch.equal(first, other)


@every_guidance
@pytest.mark.parametrize("sampler", [DDIM(5), Heun(5)], ids=["ddim", "heun"])
def test_evaluations_are_the_calls_of_the_network(file: Path, sampler: Sampler) -> None:
    guidance, denoiser = built(file), exact()
    if is_served(guidance, sampler):
        guidance.draw(Draw(denoiser, sampler, torch.arange(2), conditioning(), seed=0))
        assert denoiser.net.calls == guidance.evaluations(sampler, denoiser.process)


@every_guidance
def test_what_is_seen_has_the_shape_of_the_data(file: Path) -> None:
    guidance, index = built(file), torch.tensor([5, 2])
    seen = guidance.seen(index, conditioning(), seed=0)
    if seen is not None:
        assert guidance.needs_examples
        assert seen.shape == (2, *SHAPE)
        assert torch.equal(guidance.seen(index[1:], conditioning(), seed=0)[0], seen[1])
    labels = guidance.labels(index, conditioning())
    assert (labels is not None) == guidance.needs_labels


@every_guidance
def test_what_it_needs_it_asks_for(file: Path) -> None:
    guidance, bare = built(file), Conditioning(SHAPE)
    if guidance.needs_examples or guidance.needs_labels:
        with pytest.raises(ValueError, match=r"needs|none were given"):
            guidance.check(bare, DDIM(3))
    else:
        guidance.check(bare, DDIM(3))


def test_unguided_is_the_loop_itself() -> None:
    index = torch.arange(4)
    found = Unguided().draw(Draw(exact(), DDIM(6, 1.0), index, conditioning(), seed=2))
    assert torch.equal(found, sample(exact(), DDIM(6, 1.0), index, SHAPE, seed=2))
    assert Unguided().evaluations(DDIM(6), VariancePreserving(Cosine())) == 6


def test_there_are_no_examples_unless_given() -> None:
    with pytest.raises(ValueError, match="no real examples were given"):
        Conditioning(SHAPE).real(torch.arange(2))
