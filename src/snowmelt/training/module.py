"""The LightningModule: one step of denoising score matching."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torchmetrics import MeanMetric

from snowmelt.common.randomness import Stream, normal
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser, bridge_losses
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.training import learning_rate
from snowmelt.training.accumulation import add_gradient
from snowmelt.training.averages import Averages
from snowmelt.training.batch_order import Batch
from snowmelt.training.budget import Stopwatch, budget_of
from snowmelt.training.ema import EMA
from snowmelt.training.evaluation_notes import noted
from snowmelt.training.finite import SCALED, check_finite
from snowmelt.training.objective import Objective
from snowmelt.training.optimizers import AdamW, Recipe, Trained
from snowmelt.training.pairs import Pairs
from snowmelt.training.settings import TrainingSettings
from snowmelt.training.step_draws import StepDraws, seed_dropout

HELD_OUT_NUMBERS = 2**20  # that the network sees at once, of held-out examples


class DiffusionModule(LightningModule):
    """A denoiser, its average and its loss.

    Every random number of a step is keyed by (seed, step, place in the batch), so nothing
    but weights, optimiser, counters and the time sampler's buffers has to be saved to
    resume exactly. The average is of the network; a learned schedule has no average.

    Args:
        denoiser: what is trained.
        loss: the loss of each example.
        time_sampler: draws the time at which each example is perturbed.
        manifest: of the data, for the scaling.
        training: how long and how fast.
        seed: of time steps, noise and dropout.
        p_uncond: the probability of training an example with the null class.
        p_self_conditioned: that of training one on the network's own estimate, if the
            denoiser is self-conditioned.
        optimizer: makes the optimiser; None for AdamW.
        accumulate: in how many parts a process takes its share of a batch.
        pairs: how examples are paired with their starts; None for diffusion's pairs.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        loss: Loss,
        time_sampler: TimeSampler,
        manifest: Manifest,
        training: TrainingSettings,
        seed: int,
        p_uncond: float = 0.0,
        p_self_conditioned: float = 0.5,
        optimizer: Recipe | None = None,
        accumulate: int = 1,
        pairs: Pairs | None = None,
    ) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.ema = EMA(denoiser.net, training.ema.decay, training.ema.warmup_power)
        self.averages = Averages(denoiser.net, training.ema)
        self.loss = loss
        self.time_sampler = time_sampler
        self.manifest = manifest
        self.training_config = training
        self.seed = seed
        self.p_uncond = p_uncond
        self.p_self_conditioned = p_self_conditioned
        self.optimizer = optimizer or AdamW()
        self.budget = budget_of(training)
        self.watch = Stopwatch()
        self.accumulate = accumulate
        self.pairs = pairs
        if denoiser.schedule is not None and not loss.trains_schedule:
            # Parameters without a gradient would stop a group of processes.
            denoiser.schedule.requires_grad_(False)
        # Of values that are known to be finite: to look for NaN waits for the device.
        self.mean_loss = MeanMetric(nan_strategy="disable")
        self.mean_norm = MeanMetric(nan_strategy="disable")
        self.history: list[dict[str, float]] = []
        self.processes: list[int] = []

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """From pinned memory, whose copy waits for nothing that a GPU still computes."""
        if device.type != "cuda":
            return super().transfer_batch_to_device(batch, device, dataloader_idx)
        return Batch._make(
            one if one is None else one.pin_memory().to(device, non_blocking=True)
            for one in batch
        )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        seed_dropout(self.seed, self.global_step, self.global_rank, self.device)
        if self.accumulate > 1:
            self.trainer.optimizers[0].zero_grad()
        *first, last = self._coupled(batch).parts(self.accumulate)
        drawn = [self._with_gradient(part) for part in first]
        loss, *of_last = self._losses(last)
        t, losses, values = map(torch.cat, zip(*drawn, of_last, strict=True))
        if self.time_sampler.learns:
            self.time_sampler.update(self._of_all(t), self._of_all(losses))
        self._loss_of_step = values.mean()
        return loss

    def _coupled(self, batch: Batch) -> Batch:
        """The batch with its partners; all processes find the same ones of the whole."""
        if self.pairs is None or self.pairs.coupling.is_independent:
            return batch
        x_0 = self._whole(to_model(batch.stored, self.manifest))
        labels = None if batch.labels is None else self._whole(batch.labels)
        draws = StepDraws(self.seed, self.global_step, self._whole(batch.slot))
        partner = self.pairs.partners(x_0, draws, labels)
        own = torch.isin(draws.slot, batch.slot)
        return batch._replace(partner=partner[own])

    def _with_gradient(self, part: Batch) -> list[Tensor]:
        """Add the gradient of a part to those of the parts before it."""
        loss, *drawn = self._losses(part)
        add_gradient(self.trainer, loss)
        return drawn

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The part of the objective that a part of a batch has, and what it was made of.

        Shapes:
            (), times (B,), losses (B,), the mean loss with its weights (1,)
        """
        x_0 = to_model(batch.stored, self.manifest)
        t, weight = self.time_sampler(
            batch.slot,
            self.training_config.batch_size,
            seed=self.seed,
            step=self.global_step,
            process=self.denoiser.process,
        )
        draws = StepDraws(self.seed, self.global_step, batch.slot)
        labels = draws.labels(batch.labels, self.p_uncond)
        z = None
        if self.pairs is None:
            eps = draws.noise(x_0.shape[1:])
        else:
            process = self.denoiser.process
            x_0, eps, z = self.pairs.ends(process, x_0, t, draws, batch.partner)
        chosen = None
        if self.denoiser.self_conditioned:
            chosen = draws.self_conditioned(self.p_self_conditioned)
        objective = Objective(self.denoiser, self.loss)
        example = x_0, t, eps, labels, chosen
        if isinstance(self.denoiser, BridgeDenoiser):
            assert z is not None
            bridge = self.denoiser.with_labels(labels)
            losses = bridge_losses(bridge, x_0, eps, z, t)
        else:
            losses = objective.network_losses(*example)
        loss = (weight * losses).mean()
        value = loss.detach()
        if objective.learns_schedule:
            spread = (weight * objective.schedule_losses(*example)).square().mean()
            # It adds to the gradient, and nothing to the value.
            loss = loss + (spread - spread.detach())
        return loss / self.accumulate, t, losses.detach(), value[None]

    def _of_all(self, mine: Tensor) -> Tensor:
        """The values of all processes, in the order of the batch. Shapes: (B,) -> (N,)"""
        gathered = self.all_gather(mine)
        assert isinstance(gathered, Tensor)
        return gathered.flatten()

    def _whole(self, mine: Tensor) -> Tensor:
        """A row for each example of all processes. Shapes: (B, *D) -> (N, *D)"""
        if self._world_size == 1:
            return mine
        gathered = self.all_gather(mine)
        assert isinstance(gathered, Tensor)
        return gathered.reshape(-1, *mine.shape[1:])

    def optimizer_zero_grad(self, *given: Any) -> None:
        """Forget the gradient, unless it is that of the first parts of this step."""
        if self.accumulate == 1:
            super().optimizer_zero_grad(*given)

    def configure_optimizers(self) -> Any:
        trained = Trained(
            net=self.denoiser.net,
            schedule=self._schedule_parameters(),
            learning_rate=self.training_config.learning_rate,
            weight_decay=self.training_config.weight_decay,
            is_scaled=self.trainer.precision == SCALED,
        )
        optimizer = self.optimizer.optimizer(trained)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.learning_rate_factor)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    @functools.cached_property
    def _network_parameters(self) -> list[nn.Parameter]:
        """Listed once: to walk through all modules at every step takes milliseconds."""
        return list(self.denoiser.net.parameters())

    def _schedule_parameters(self) -> list[nn.Parameter]:
        schedule = self.denoiser.schedule
        parameters = [] if schedule is None else list(schedule.parameters())
        return [parameter for parameter in parameters if parameter.requires_grad]

    def learning_rate_factor(self, step: int) -> float:
        """The share of the largest learning rate that a step has."""
        return learning_rate.factor(
            self.budget.place_of(step),
            warmup=self.budget.warmup,
            total=self.budget.total,
            decay=self.training_config.decay,
        )

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        norms = [self._clipped(self._network_parameters)]
        if self._schedule_parameters():
            # Clipped apart, so that its scale does not decide the step of the network.
            norms.append(self._clipped(self._schedule_parameters()))
        # The one time that a step waits for its loss and norms.
        loss, *of_norms = torch.stack([self._loss_of_step, *norms]).tolist()
        self._check_finite("loss", loss)
        # What a gradient scaler has made too large, it leaves out, and scales less.
        if self.trainer.precision != SCALED:
            for norm in of_norms:
                self._check_finite("gradient", norm)
        self.mean_loss.update(self._loss_of_step)
        if math.isfinite(of_norms[0]):
            self.mean_norm.update(norms[0].detach())

    def _clipped(self, parameters: list[nn.Parameter]) -> Tensor:
        """Clip the gradient and return its norm before that."""
        limit = self.training_config.gradient_clip
        return torch.nn.utils.clip_grad_norm_(
            parameters, math.inf if limit is None else limit
        )

    def _check_finite(self, name: str, value: float) -> None:
        step, precision = self.global_step + 1, str(self.trainer.precision)
        check_finite(name, value, step, self.training_config, precision)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        # Lightning counts this step only after the hook.
        budget, step = self.budget, self.global_step + 1
        budget.took(step, self._elapsed())
        self.ema.update(self.denoiser.net, budget.before, budget.after)
        self.averages.update(self.denoiser.net, budget)

    def _elapsed(self) -> float:
        """The seconds of this step in the slowest process, so that all stop together."""
        seconds = self.watch.stop()
        if self._world_size == 1 or not self.budget.is_timed:
            return seconds
        return float(self._of_all(torch.tensor(seconds, device=self.device)).max())

    @property
    def starts(self) -> StartPoints | None:
        """Where journeys begin, if not in normal noise."""
        return None if self.pairs is None else self.pairs.starts

    def averaged(self) -> Denoiser:
        """The denoiser with the averaged weights."""
        return self.denoiser.around(self.ema.net)

    @torch.no_grad()
    def held_out_loss(
        self, stored: Tensor, labels: Tensor | None = None, batch_size: int = 256
    ) -> float:
        """The loss of the averaged weights on examples that were not trained on.

        Times and noise are the same at every call, so that two values differ by the
        weights alone.

        Args:
            batch_size: examples that a coupling pairs at once; the network sees fewer where
                they are large, and takes little memory beside a step.

        Shapes:
            stored: (n, *D), labels: (n,) int64, none of which is dropped
        """
        denoiser, count = self.averaged(), len(stored)
        slots = torch.arange(count, device=self.device)
        total, what = 0.0, f"held-out loss after step {self.global_step}"
        few = max(HELD_OUT_NUMBERS // stored[0].numel(), 1)
        for part in slots.split(batch_size):
            x_0 = to_model(stored[part.cpu()].to(self.device), self.manifest)
            # Consecutive examples go to distant times, so that every class meets each.
            t = ((part * 0.618033988749895) % 1.0).to(torch.float64)
            classes = None if labels is None else labels[part.cpu()].to(self.device)
            z = None
            if self.pairs is None:
                stream = Stream.HELD_OUT_NOISE
                eps = normal(x_0.shape[1:], seed=0, stream=stream, index=part)
            else:
                example = denoiser.process, x_0, t, part, classes
                x_0, eps, z = self.pairs.held_out_ends(*example)
            with noted(self.ema.net, what):
                for start in range(0, len(part), few):
                    some = slice(start, start + few)
                    labelled = None if classes is None else classes[some]
                    knowing = denoiser.with_labels(labelled)
                    if isinstance(knowing, BridgeDenoiser):
                        assert z is not None
                        ends = x_0[some], eps[some], z[some]
                        losses = bridge_losses(knowing, *ends, t[some])
                    else:
                        losses = self.loss(knowing, x_0[some], t[some], eps[some])
                    total += float(losses.sum())
        return total / count

    def on_fit_start(self) -> None:
        """Count this group among those that train the weights one after another."""
        if self.processes[-1:] != [self.trainer.world_size]:
            self.processes.append(self.trainer.world_size)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"] = self.history
        checkpoint["processes"] = self.processes
        checkpoint["seconds"] = self.budget.seconds
        checkpoint["snapshots"] = self.averages.snapshots
        # The first mean that is logged after a resume covers the steps before it too.
        sums = torch.stack([part.cpu() for part in self._sums()]).to(self.device)
        gathered = self._of_all(sums) if self._world_size > 1 else sums
        checkpoint["sums"] = gathered.reshape(-1, len(sums)).cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = list(checkpoint["history"])
        self.processes = list(checkpoint["processes"])
        self.averages.snapshots = list(checkpoint.get("snapshots", []))
        self.budget.go_on(checkpoint["seconds"])
        sums, rank = checkpoint["sums"], self.global_rank
        if len(sums) != self._world_size:  # another group goes on: the first has all
            sums = torch.cat((sums.sum(0, keepdim=True), torch.zeros_like(sums)))
            rank = min(rank, 1)
        for part, saved in zip(self._sums(), sums[rank], strict=True):
            part.copy_(saved)

    @property
    def _world_size(self) -> int:
        return self._trainer.world_size if self._trainer else 1

    def _sums(self) -> list[Tensor]:
        """What the means of the loss and of the gradient's norm are made of."""
        means = (self.mean_loss, self.mean_norm)
        parts = [part for mean in means for part in (mean.mean_value, mean.weight)]
        assert all(isinstance(part, Tensor) for part in parts)
        return parts
