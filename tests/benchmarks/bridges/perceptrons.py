"""The network of the papers, for several seeds in one: the weights are stacks of matrices.

A perceptron of 64 features is so small that a step of it is mostly the overhead of calls;
stacked, those of all seeds cost little more than one.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from snowmelt.nets.net import Net

# Klambauer et al. (2017), arXiv:1706.02515.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class Perceptrons(Net):
    r"""Perceptrons on (time, point), one for each answer of each seed.

    They see what the papers' do: the share of the way from data to start, which in a
    rectified flow is the logistic function of $-\lambda/2$, and the point itself, without
    the scale by which a `Denoiser` gives it unit length.

    Args:
        shape: (D,).
        seeds: of the first weights; each is a network of its own, with its part of the
            batch, in this order.
        answers: perceptrons of each network, which share nothing.
        width, layers: of the hidden ones.

    Shapes:
        x: (seeds * B, D), log_snr: (seeds * B,) -> (seeds * B, answers * D)
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        seeds: Sequence[int],
        answers: int = 1,
        width: int = 64,
        layers: int = 3,
    ) -> None:
        super().__init__()
        (size,) = shape
        self.count, self.answers = len(seeds), answers
        sizes = list(itertools.pairwise([size + 1, *[width] * layers, size]))
        drawn = [_first_weights(seed, answers, sizes) for seed in seeds]
        # Answer by answer, and within each seed by seed.
        order = [one[answer] for answer in range(answers) for one in drawn]
        self.weights, self.biases = (
            nn.ParameterList(
                torch.stack([one[layer][part] for one in order])
                for layer in range(len(sizes))
            )
            for part in (0, 1)
        )

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        share = torch.sigmoid(-0.5 * log_snr)[:, None]
        point = x * (share**2 + (1.0 - share) ** 2).sqrt()
        seen = torch.cat((share, point), dim=1).view(self.count, -1, x.shape[1] + 1)
        hidden = seen.repeat(self.answers, 1, 1)
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = Selu.apply(hidden)
        return torch.cat([one.flatten(0, 1) for one in hidden.chunk(self.answers)], dim=1)

    @torch.no_grad()
    def part(self, number: int, parts: int) -> Perceptrons:
        """A copy of some networks, which follow each other.

        Args:
            number: which part of them, from 0 on.
            parts: how many there are, all of one size.
        """
        some = copy.deepcopy(self)
        some.count //= parts
        for all_of_them in (some.weights, some.biases):
            for place, weight in enumerate(all_of_them):
                by_answer = weight.unflatten(0, (self.answers, parts, some.count))
                mine = by_answer[:, number].flatten(0, 1)
                all_of_them[place] = nn.Parameter(mine, weight.requires_grad)
        return some


class Selu(torch.autograd.Function):
    """SELU by exp; torch's own calls expm1, which takes up to ten times as long.

    What exp loses is the last digit of answers near 0.
    """

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        below = x.clamp(max=0.0).exp_().sub_(1.0).mul_(SELU_SCALE * SELU_ALPHA)
        answer = below.add_(x.clamp(min=0.0), alpha=SELU_SCALE)
        context.save_for_backward(answer)
        return answer

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Tensor:
        (answer,) = context.saved_tensors
        # Torch finds the slope from the answer as well, in a tenth of the time of `where`.
        given: Tensor = torch.ops.aten.elu_backward(
            slope, SELU_ALPHA, SELU_SCALE, 1.0, True, answer
        )
        return given


def _first_weights(
    seed: int, answers: int, sizes: Sequence[tuple[int, int]]
) -> list[list[tuple[Tensor, Tensor]]]:
    """Those of torch's linear layers, for each answer and each layer.

    Shapes: -> (inputs, outputs) and (1, outputs)
    """
    random = torch.Generator().manual_seed(seed)

    def drawn(rows: int, inputs: int, outputs: int) -> Tensor:
        share = torch.rand(rows, outputs, generator=random)
        return (2.0 * share - 1.0) / math.sqrt(inputs)

    return [
        [
            (drawn(inputs, inputs, outputs), drawn(1, inputs, outputs))
            for inputs, outputs in sizes
        ]
        for _ in range(answers)
    ]


class TurnedRound(nn.Module):
    r"""The network of the way back: from the data to the start.

    Time runs the other way, so that the log-SNR and the velocity change their signs; the
    score is the same. So the two answers of one bridge are both of its drifts.

    Args:
        net: answers the flow, and the score.

    Shapes:
        x: (B, D), log_snr: (B,) -> (B, 2 D)
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        flow, score = self.net(x, -log_snr).chunk(2, dim=1)
        return torch.cat((-flow, score), dim=1)
