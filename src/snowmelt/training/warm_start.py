"""Starting a training from the weights of one that has finished.

A checkpoint holds weights and no state of an optimiser, so only the weights are taken over:
the averaged ones, from which samples were drawn. The optimiser's moments, the learning
rate with its warm-up, the count of steps and the averages begin anew. What was trained
before is written into the new checkpoint as its lineage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.places import located
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.nets.weights import DoNotFit, check_fit
from snowmelt.training.checkpoint import Checkpoint, load, weights_dtype
from snowmelt.training.settings import FitSettings

KEY = "training.start_from"


@dataclass(frozen=True)
class WarmStart:
    """The checkpoint that a training starts from.

    Attributes:
        path: of its file.
        digest: the SHA-256 of the file, which decides the weights, wherever it lies.
    """

    path: Path
    checkpoint: Checkpoint
    digest: str

    @property
    def lineage(self) -> list[dict[str, Any]]:
        """The trainings before this one, the oldest first, as plain values."""
        it = self.checkpoint
        mine = {
            "identity": it.identity,
            "step": it.step,
            "data": it.manifest.name,
            "data_digest": it.manifest.digest,
            "checkpoint_digest": self.digest,
        }
        return [*it.lineage, mine]

    def described(self) -> str:
        """What is taken over and what is not, in one line."""
        steps = [one["step"] for one in self.lineage]
        before = " + ".join(f"{step:,}" for step in steps)
        return (
            f"starting from the averaged weights of {self.path} ({before} steps, on"
            f" {self.checkpoint.manifest.name}); optimiser, learning rate, steps and"
            " averages begin anew"
        )

    def give(self, denoiser: Denoiser) -> None:
        """Put the averaged weights, and a learned schedule, into a new denoiser.

        Raises:
            UserError: they are those of another network, or of another prediction.
        """
        it, dtype = self.checkpoint, weights_dtype(self.checkpoint.config)
        before = it.denoiser().prediction
        if type(before) is not type(denoiser.prediction):
            raise UserError(
                f"{KEY}: the network of {self.path} answers {type(before).__name__}, and"
                f" {type(denoiser.prediction).__name__} is asked for: set prediction to the"
                " same"
            )
        try:
            check_fit(denoiser.net, it.ema, dtype)
            if denoiser.schedule is not None and it.schedule:
                check_fit(denoiser.schedule, it.schedule, dtype)
                denoiser.schedule.load_state_dict(it.schedule)
        except DoNotFit as error:
            raise UserError(
                f"{KEY}: the weights of {self.path} do not fit the network that is asked"
                f" for ({error}): give net, denoiser, data.size and data.channels as that"
                " training had them; its model.json has its configuration"
            ) from error
        denoiser.net.load_state_dict(it.ema)


def warm_start_of(settings: FitSettings, root: Path) -> WarmStart | None:
    """The checkpoint that the settings name; None where a training starts from nothing.

    Raises:
        UserError: it is missing, damaged or no checkpoint.
    """
    named = settings.training.start_from
    if named is None:
        return None
    path = located(root, named)
    return WarmStart(path, load(path), sha256(path))
