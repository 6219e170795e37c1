r"""Trains a small classifier, the extractor or the independent classifier.

The optimiser is AdamW with one cycle of the learning rate. Training is seeded and runs in
one thread of the CPU, since the number of threads changes the last bits and with them the
digest by which runs are found to be comparable. A part of each batch may be mixed: two
examples and their labels in one random proportion,

$$x = \lambda x_i + (1 - \lambda) x_j, \qquad
  y = \lambda y_i + (1 - \lambda) y_j, \qquad \lambda \sim U(0, 1),$$

which lowers the network's confidence between the classes.

References:
    Zhang et al. (2018), arXiv:1710.09412.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from snowmelt.common import argument_checks
from snowmelt.common.array_files import gathered, release
from snowmelt.common.errors import UserError
from snowmelt.common.process_group import at_work
from snowmelt.common.threads import single_thread

WEIGHT_DECAY = 0.05
WARM_UP = 0.2
_BATCH = 250


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    Args:
        section: where these keys stand in the configuration, for errors.
        seed: of the first weights and of the order of the data.
        batch_size: examples a step; fewer where there are not as many.
        learning_rate: the highest one.
        mixed: the fraction of each batch that is mixed.
    """

    section: str
    seed: int
    steps: int
    batch_size: int
    learning_rate: float
    mixed: float = 0.0

    def __post_init__(self) -> None:
        for key, least in (("seed", 0), ("steps", 1), ("batch_size", 2)):
            argument_checks.integer(
                f"{self.section}.{key}", getattr(self, key), least=least
            )
        argument_checks.fraction(f"{self.section}.learning_rate", self.learning_rate)

    def rise_and_fall(self, step: int) -> float:
        """The learning rate as a fraction of the highest: linear up, then cosine to 0."""
        warm = WARM_UP * self.steps
        if step < warm:
            return (step + 1) / (warm + 1)
        return 0.5 + 0.5 * math.cos(math.pi * (step - warm) / (self.steps - warm))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from torch's generator as if freshly seeded, and leave it as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def check_labels(labels: np.ndarray | None, name: str) -> np.ndarray:
    """Return `labels` if a classifier can learn from them.

    Args:
        labels: of the training split.
        name: of the data, for the error.

    Raises:
        UserError: there are none, or all are of one class.
    """
    if labels is not None and labels.min() != labels.max():
        return labels
    wrong = "has no labels" if labels is None else "holds a single class to train on"
    raise UserError(
        f"features=classifier learns from classes, but the data '{name}'"
        f" {wrong}: choose features=random_conv"
    )


def train(
    net: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    scale: Callable[[Tensor], Tensor],
    plan: Plan,
    desc: str,
) -> None:
    """Train `net` in place and leave it in evaluation mode.

    Args:
        net: maps scaled images to logits.
        images: stored examples, uint8 (N, C, H, W).
        labels: int64 (N,).
        scale: from stored examples to what the network sees.
    """
    generator = torch.Generator().manual_seed(plan.seed)
    optimiser = torch.optim.AdamW(
        net.parameters(), plan.learning_rate, weight_decay=WEIGHT_DECAY
    )
    cycle = torch.optim.lr_scheduler.LambdaLR(optimiser, plan.rise_and_fall)
    size = min(plan.batch_size, len(images))
    batches = _batches(len(images), size, generator)
    net.train()
    total = plan.steps * size
    with single_thread(), tqdm(total=total, desc=desc, unit="image") as bar:
        for _, rows in zip(range(plan.steps), batches, strict=False):
            x = scale(torch.from_numpy(gathered(images, rows)))
            y = torch.from_numpy(gathered(labels, rows))
            loss = _loss(net, x, y, round(plan.mixed * size), generator)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
            bar.update(size)
    net.eval()


def _batches(count: int, size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """Rows of ever new orders; each is used up but for a ragged end."""
    while True:
        order = torch.randperm(count, generator=generator).numpy()
        for start in range(0, count - size + 1, size):
            yield np.sort(order[start : start + size])


def _loss(
    net: nn.Module, x: Tensor, y: Tensor, mixed: int, generator: torch.Generator
) -> Tensor:
    """Cross-entropy, with `mixed` examples of the batch mixed with others of it."""
    if not mixed:
        return F.cross_entropy(net(x), y)
    other = torch.randperm(len(x), generator=generator)
    share = torch.rand(len(x), generator=generator)
    # Which ones are left alone is drawn, since rows of a batch come in the data's order.
    share[torch.randperm(len(x), generator=generator)[mixed:]] = 1.0
    wide = share[:, None, None, None]
    logits = net(wide * x + (1 - wide) * x[other])
    losses = [F.cross_entropy(logits, labels, reduction="none") for labels in (y, y[other])]
    return (share * losses[0] + (1 - share) * losses[1]).mean()


def logits(net: nn.Module, images: np.ndarray, scale: Callable[[Tensor], Tensor]) -> Tensor:
    """The logits of a whole set of images, (N, C, H, W) -> (N, K).

    Processes that share the work take turns by batches.
    """
    group = at_work()
    found: dict[int, Tensor] = {}
    with torch.inference_mode(), single_thread():
        for part, start in enumerate(range(0, len(images), _BATCH)):
            if group.owns(part):
                batch = torch.from_numpy(np.array(images[start : start + _BATCH]))
                found[part] = net(scale(batch))
                release(images)
    return torch.cat(group.joined(found))


def accuracy(scores: Tensor, labels: np.ndarray | None) -> float:
    """The share of examples whose class has the highest score. Shapes: (N, K), (N,)"""
    # Here, since it takes seconds, and every command looks at the classes that train here.
    from torchmetrics.functional.classification import multiclass_accuracy

    truth, classes = torch.tensor(labels), scores.shape[1]
    return float(multiclass_accuracy(scores, truth, classes, average="micro"))
