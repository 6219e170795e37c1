"""The line that a person sees while a training runs."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

from snowmelt.training.history import newest_row
from snowmelt.training.module import DiffusionModule

# Of a training of minutes: its own seconds, and not those of the wall.
TIMED = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s{postfix}"


class ProgressBar(pl.Callback):
    """Steps or time, what is left, the last mean loss, and examples, on one line."""

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, DiffusionModule)
        if trainer.is_global_zero and len(module.processes) > 1:
            print(
                f"train: trained by {' and then '.join(map(str, module.processes))}"
                " processes: it agrees with one that was not moved to rounding, not byte by"
                " byte"
            )
        budget = module.budget
        if trainer.is_global_zero and budget.is_timed:
            print(
                f"train: training.minutes={module.training_config.minutes:g} ends by the"
                " clock: how many steps that is, and so the weights, cannot be repeated to"
                " the byte"
            )
        self.loss, self.first = "", trainer.global_step
        self.bar = tqdm(
            total=budget.length,
            initial=budget.used(trainer.global_step),
            desc="train",
            unit="s" if budget.is_timed else "step",
            bar_format=TIMED if budget.is_timed else None,
            disable=not trainer.is_global_zero,
            dynamic_ncols=True,
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        assert isinstance(module, DiffusionModule)
        if self.bar.disable:
            return
        row = newest_row(trainer, module)
        if row is not None:
            self.loss = f"loss={row['loss']:.4f}, "
        # Shown when the bar is drawn next, a few times a second.
        self.bar.set_postfix_str(self._said(trainer.global_step, module), refresh=False)
        self.bar.update(module.budget.used(trainer.global_step) - self.bar.n)

    def _said(self, step: int, module: DiffusionModule) -> str:
        """Such as `loss=0.1234, 54.4 images/s, 12.8k images`."""
        shown, is_timed = self.bar.format_dict, module.budget.is_timed
        # The bar's own mean of late, which it has once it was drawn twice.
        of_late = None if is_timed else shown["rate"]
        rate = of_late or (step - self.first) / shown["elapsed"]
        size, noun = module.training_config.batch_size, module.manifest.kind
        counted = f"step={step}, " if is_timed else ""
        speed, seen = _short(rate * size), _short(step * size)
        return f"{counted}{self.loss}{speed} {noun}/s, {seen} {noun}"

    def on_train_end(self, *_: Any) -> None:
        self.bar.close()

    def on_exception(self, *_: Any) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


def _short(number: float) -> str:
    """Three digits and a letter: `640`, `54.4`, `12.8k`, `3.00M`."""
    is_count = isinstance(number, int) and number < 1000
    return str(number) if is_count else tqdm.format_sizeof(number)
