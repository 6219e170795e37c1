"""Guidance by classes, on two classes whose densities are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import NULL_CLASS, Denoiser
from snowmelt.diffusion.predictions import Eps, Prediction, V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Linear
from snowmelt.sampling.guidance.classifier_free import (
    ClassifierFree,
    ClassifierFreeGuidance,
)
from snowmelt.sampling.guidance.guidance import Conditioning, Draw
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.loop import sample

PREDICTIONS = sorted((Path(__file__).parents[3] / "conf" / "prediction").glob("*.yaml"))
MEANS = torch.tensor([[-0.8, 0.5], [1.1, -0.2]], dtype=torch.float64)
STDS = torch.tensor([0.3, 0.6], dtype=torch.float64)
SHARES = torch.tensor([0.3, 0.7], dtype=torch.float64)
PROCESSES = {
    "vp": VariancePreserving(Cosine()),
    "ve": VarianceExploding(Linear()),
    "sub_vp": SubVariancePreserving(Linear()),
}


class Knowing(nn.Module):
    """The exact answer for two normal classes, told the class or not; counts its calls."""

    def __init__(self, prediction: Prediction, has_share: bool = False) -> None:
        super().__init__()
        self.prediction, self.has_share, self.calls = prediction, has_share, 0

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        self.calls += 1
        alpha_sq = torch.sigmoid(log_snr.to(x.dtype))[:, None]
        alpha, sigma = alpha_sq.sqrt(), (1 - alpha_sq).sqrt()
        x = x / self.prediction.input_scale(alpha, sigma)
        # (B, classes, D)
        means, variances = MEANS.to(x.dtype)[None], STDS.to(x.dtype)[None, :, None] ** 2
        variance = alpha_sq[:, None] * variances + 1 - alpha_sq[:, None]
        away = x[:, None] - alpha[:, None] * means
        each = means + alpha[:, None] * variances / variance * away
        density = -0.5 * (away**2 / variance + variance.log()).sum(-1)
        weight = torch.softmax(density + SHARES.to(x.dtype).log(), dim=1)
        if labels is not None:
            told = nn.functional.one_hot(labels.clamp(min=0), 2).to(x.dtype)
            weight = torch.where((labels < 0)[:, None], weight, told)
        x_0 = (weight[..., None] * each).sum(1)
        eps = (x - alpha * x_0) / sigma
        output = self.prediction.target(x_0, eps, alpha, sigma)
        if not self.has_share:
            return output
        share = torch.zeros_like(x) if labels is None else labels[:, None].to(x) + 0 * x
        return torch.cat((output, share), dim=1)


def log_density(x: Tensor, alpha: Tensor, sigma: Tensor, label: Tensor) -> Tensor:
    """Of the perturbed data: of the class, or of all where the label is -1. (B,)"""
    std = (alpha[:, None] ** 2 * STDS**2 + sigma[:, None] ** 2).sqrt()
    normal = torch.distributions.Normal(alpha[:, None, None] * MEANS, std[..., None])
    each = normal.log_prob(x[:, None]).sum(-1)
    together = torch.logsumexp(each + SHARES.log(), dim=1)
    alone = each.gather(1, label.clamp(min=0)[:, None])[:, 0]
    return torch.where(label < 0, together, alone)


def true_score(process: Process, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    density = log_density(x, process.alpha(t), process.sigma(t), label)
    return torch.autograd.grad(density.sum(), x)[0]


def exact(process: Process, prediction: Prediction | None = None) -> Denoiser:
    prediction = prediction or V()
    return Denoiser(Knowing(prediction), process, prediction)


def states() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(8, 2, generator=generator, dtype=torch.float64)
    t = torch.linspace(0.15, 0.9, 8, dtype=torch.float64)
    return x_t, t, torch.arange(8) % 2


@pytest.mark.parametrize("file", PREDICTIONS, ids=lambda file: file.stem)
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES.keys())
@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.0])
def test_the_guided_score_is_the_closed_form(
    file: Path, process: Process, scale: float
) -> None:
    denoiser = exact(process, build(OmegaConf.load(file), Prediction))
    x_t, t, labels = states()
    free = true_score(process, x_t, t, torch.full_like(labels, -1))
    told = true_score(process, x_t, t, labels)
    guided = ClassifierFree(denoiser, labels, scale)
    wanted = free + scale * (told - free)
    torch.testing.assert_close(guided.score(x_t, t), wanted, rtol=1e-7, atol=1e-7)
    x_0_hat, eps_hat = guided.estimates(x_t, t)
    alpha, sigma = guided.scales(x_t, t)
    torch.testing.assert_close(alpha * x_0_hat + sigma * eps_hat, x_t)


def test_the_ends_of_the_scale_and_what_they_cost() -> None:
    denoiser = exact(PROCESSES["vp"])
    x_t, t, labels = states()
    calls = {}
    for scale in (0.0, 1.0, 2.0):
        denoiser.net.calls = 0
        found = ClassifierFree(denoiser, labels, scale)(x_t, t)
        calls[scale] = denoiser.net.calls
        if scale < 2:
            told = labels if scale else torch.full_like(labels, NULL_CLASS)
            assert torch.equal(found, denoiser.with_labels(told)(x_t, t))
    assert calls == {0.0: 2, 1.0: 1, 2.0: 2}
    assert torch.equal(denoiser.with_labels(None)(x_t, t), denoiser(x_t, t))


def test_the_interval_is_half_open_and_in_log_snr() -> None:
    process = PROCESSES["vp"]
    denoiser = exact(process)
    x_t, t, labels = states()
    levels = process.log_snr(t)
    interval = [float(levels[5]), float(levels[2])]
    acts = torch.tensor([False, False, False, True, True, True, False, False])
    found = ClassifierFree(denoiser, labels, 4.0, interval)(x_t, t)
    everywhere = ClassifierFree(denoiser, labels, 4.0)(x_t, t)
    told = denoiser.with_labels(labels)(x_t, t)
    assert torch.equal(found[acts], everywhere[acts])
    assert torch.equal(found[~acts], told[~acts])
    assert not torch.isclose(everywhere, told).all(1).any()
    for step, calls in ((0, 1), (4, 2), (7, 1)):
        denoiser.net.calls = 0
        alone = ClassifierFree(denoiser, labels, 4.0, interval)(x_t, t[step])
        assert denoiser.net.calls == calls
        torch.testing.assert_close(alone[step], found[step])


def test_a_learned_variance_is_that_of_the_class() -> None:
    prediction = V()
    net = Knowing(prediction, has_share=True)
    denoiser = Denoiser(net, PROCESSES["vp"], prediction, learned_variance=True)
    x_t, t, labels = states()
    output, share = ClassifierFree(denoiser, labels, 3.0).with_variance(x_t, t)
    assert torch.equal(share, 0.5 * (labels[:, None] + 1.0).expand(8, 2))
    plain = ClassifierFree(exact(PROCESSES["vp"]), labels, 3.0)(x_t, t)
    torch.testing.assert_close(output, plain)


def test_told_again_it_guides_to_the_other_class() -> None:
    denoiser = exact(PROCESSES["vp"])
    x_t, t, labels = states()
    guided = ClassifierFree(denoiser, labels, 2.0)
    other = guided.with_labels(1 - labels)
    assert torch.equal(other(x_t, t), ClassifierFree(denoiser, 1 - labels, 2.0)(x_t, t))
    assert not torch.equal(other(x_t, t), guided(x_t, t))


class Parametrised(Knowing):
    """With a weight, so that it has a device."""

    def __init__(self, prediction: Prediction) -> None:
        super().__init__(prediction)
        self.weight = nn.Parameter(torch.ones(()))


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_scale_1_samples_each_class_and_more_leaves_the_other_behind(eta: float) -> None:
    denoiser = Denoiser(Parametrised(Eps()), PROCESSES["vp"], Eps())
    count, conditioning = 3000, Conditioning(shape=(2,), classes=("a", "b"))
    index = torch.arange(count)
    for scale in (1.0, 3.0):
        guidance = ClassifierFreeGuidance(scale=scale)
        x = guidance.draw(
            Draw(denoiser, DDIM(80, eta), index, conditioning, seed=1)
        ).double()
        for label in range(2):
            members = x[guidance.labels(index, conditioning) == label]
            if scale == 1.0:
                error = 4 * float(STDS[label]) / math.sqrt(count / 2) + 0.02
                found = members.mean(0)
                assert found.tolist() == pytest.approx(MEANS[label].tolist(), abs=error)
                assert members.std(0).tolist() == pytest.approx(
                    [float(STDS[label])] * 2, abs=error
                )
            else:
                # Away from the other class, along the line between the two.
                away = MEANS[label] - MEANS[1 - label]
                assert float((members.mean(0) - MEANS[label]) @ away) > 0


def test_without_labels_the_whole_is_drawn() -> None:
    denoiser = Denoiser(Parametrised(Eps()), PROCESSES["vp"], Eps())
    x = sample(denoiser, DDIM(60), torch.arange(2000), (2,), seed=0).double()
    second = (x - MEANS[1]).norm(dim=1) < (x - MEANS[0]).norm(dim=1)
    assert float(second.double().mean()) == pytest.approx(0.7, abs=0.06)


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (None, [0, 1, 2, 0, 1]),
        ("cat", [1] * 5),
        (2, [2] * 5),
        (["dog", 0], [2, 0, 2, 0, 2]),
        # A name goes before the number that looks like it.
        (7, [0] * 5),
    ],
)
def test_the_label_follows_from_the_index(
    labels: list[str | int] | str | int | None, wanted: list[int]
) -> None:
    conditioning = Conditioning(shape=(2,), classes=("7", "cat", "dog"))
    guidance = ClassifierFreeGuidance(labels)
    guidance.check(conditioning, DDIM(3))
    assert guidance.labels(torch.arange(5), conditioning).tolist() == wanted
    part = guidance.labels(torch.tensor([4, 1]), conditioning)
    assert part.tolist() == [wanted[4], wanted[1]]
    assert part.dtype == torch.int64


@pytest.mark.parametrize("label", ["horse", 3, -1, True])
def test_an_unknown_class_is_refused(label: str | int) -> None:
    guidance = ClassifierFreeGuidance([label])
    with pytest.raises(ValueError, match=f"no class {label!r}; .* knows 7, cat, dog"):
        guidance.check(Conditioning((2,), classes=("7", "cat", "dog")), DDIM(3))


def test_a_network_without_classes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"denoiser\.conditional=true"):
        ClassifierFreeGuidance().check(Conditioning((2,)), DDIM(3))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"scale": -0.1}, "scale must be a number from 0 upwards, got -0.1"),
        ({"scale": math.nan}, "scale .* got nan"),
        ({"scale": math.inf}, "scale .* got inf"),
        ({"interval": [1.0]}, r"interval must be two rising log-SNRs .* got \[1.0\]"),
        ({"interval": [2, 1]}, "interval must be two rising"),
        ({"interval": 5}, "interval must be two rising .* got 5"),
        ({"interval": ["a", "b"]}, "interval must be two rising"),
        ({"labels": 1.5}, "labels must be a class by name or number"),
        ({"labels": [0.5]}, "labels must be a class by name or number"),
        ({"labels": []}, "labels must be a class"),
    ],
)
def test_refused_arguments(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ClassifierFreeGuidance(**arguments)


@pytest.mark.parametrize(
    ("scale", "interval"), [(1.0, None), (2.0, None), (2.0, [-2.0, 3.0])]
)
def test_evaluations_are_the_calls_of_the_network(
    scale: float, interval: list[float] | None
) -> None:
    denoiser = exact(PROCESSES["vp"])
    sampler = DDIM(12)
    guidance = ClassifierFreeGuidance(scale=scale, interval=interval)
    guidance.draw(
        Draw(denoiser, sampler, torch.arange(2), Conditioning((2,), ("a", "b")), seed=0)
    )
    assert denoiser.net.calls == guidance.evaluations(sampler, denoiser.process)
    if interval:
        assert 12 < denoiser.net.calls < 24
