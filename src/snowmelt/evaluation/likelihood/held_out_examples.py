"""The held-out examples as a model sees them, and some of the training split.

Several processes take turns by whole batches, which are the same for any number of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from snowmelt.common.errors import UserError
from snowmelt.common.process_group import at_work
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.ground_truth.entropy import negative_log_likelihood
from snowmelt.evaluation.likelihood.value_kinds import Levels, Points, Values
from snowmelt.training.checkpoint import Checkpoint

Ask = Callable[[Denoiser, Tensor, Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class _Split:
    """The first examples of a split, (count, *D), and their classes, (count,)."""

    examples: np.ndarray
    labels: np.ndarray | None
    count: int


class HeldOut:
    """The first examples of the held-out split, in batches.

    Each batch comes with the denoiser, conditioned on its classes if it was trained so.

    Args:
        count: how many examples, at most.
        density: the true one, of the data as the model sees it, where it is known.

    Raises:
        UserError: the data is not that of the training, so its held-out split may have
            been trained on; or it holds fewer than two examples.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        data: PreparedData,
        denoiser: Denoiser,
        *,
        count: int,
        batch_size: int,
        density: Perturbable | None = None,
    ) -> None:
        _check(checkpoint.manifest, data)
        self.manifest = checkpoint.manifest
        self.denoiser = denoiser
        self.count = min(count, len(data.held_out))
        self._split = _Split(data.held_out, data.held_out_labels, self.count)
        self.is_conditional = bool(
            checkpoint.config.get("denoiser", {}).get("conditional", False)
        )
        self.density = density
        self._data = data
        self._batch_size = batch_size
        self._device = next(denoiser.net.parameters()).device

    @property
    def is_discrete(self) -> bool:
        """Whether the examples have levels, else they are points."""
        return self.manifest.levels is not None

    @property
    def values(self) -> Values:
        if self.manifest.levels is not None:
            return Levels(self.manifest.levels)
        return Points(self.manifest.std or 1.0)

    def first(self, count: int) -> HeldOut:
        """Fewer of them: the first so many."""
        found = copy.copy(self)
        found.__dict__.pop("true_nats", None)
        found.count = min(count, self.count)
        found._split = replace(self._split, count=found.count)
        return found

    def each(self, what: str, ask: Ask) -> list[Tensor]:
        """What `ask(denoiser, x_0, index)` answers, over all examples.

        Returns:
            A tensor for each of the answer's, (count, ...) float64 on the processor.
        """
        return self._each(self._split, what, ask)

    def each_of_training(self, count: int, what: str, ask: Ask) -> list[Tensor]:
        """The same over the first examples of the training split, at most `count`."""
        data = self._data
        split = _Split(data.train, data.train_labels, min(count, len(data.train)))
        return self._each(split, what, ask)

    @cached_property
    def true_nats(self) -> Tensor | None:
        """What the true density gives each example, in nats, (count,).

        None for discrete data, where the truth is unknown, where the model is
        conditional (its density is then another than that of the data), or where
        rounding has put an example off the density's support.
        """
        density, scale = self.density, self.manifest.std or 1.0
        if density is None or self.is_discrete or self.is_conditional:
            return None
        (true,) = self.each(
            "true density",
            lambda _, x_0, __: (negative_log_likelihood(density, x_0, scale),),
        )
        return true if true.isfinite().all() else None

    def _each(self, split: _Split, what: str, ask: Ask) -> list[Tensor]:
        group = at_work()
        found: dict[int, list[Tensor]] = {}
        parts = list(enumerate(torch.arange(split.count).split(self._batch_size)))
        own = [(number, index) for number, index in parts if group.owns(number)]
        with tqdm(own, desc=what, unit="batch", disable=group.rank > 0) as bar:
            for number, index in bar:
                rows = slice(int(index[0]), int(index[-1]) + 1)
                stored = torch.from_numpy(split.examples[rows].copy())
                x_0 = to_model(stored.to(self._device), self.manifest)
                denoiser = self._denoiser(split.labels, rows)
                answer = ask(denoiser, x_0, index.to(self._device))
                found[number] = [column.double().cpu() for column in answer]
        return [torch.cat(column) for column in zip(*group.joined(found), strict=True)]

    def _denoiser(self, labels: np.ndarray | None, rows: slice) -> Denoiser:
        if not self.is_conditional or labels is None:
            return self.denoiser
        return self.denoiser.with_labels(
            torch.from_numpy(labels[rows].copy()).to(self._device)
        )


def _check(trained: Manifest, data: PreparedData) -> None:
    if data.manifest.digest != trained.digest:
        raise UserError(
            f"likelihood: {data.folder} holds other data than the '{trained.name}' that the"
            " checkpoint was trained on, so nothing in it is known to be held out: prepare"
            " that data, or set likelihood=none"
        )
    if len(data.held_out) < 2:
        raise UserError(
            f"likelihood: {len(data.held_out)} example(s) are held out, at least 2 are"
            " needed: raise data.held_out_fraction"
        )
