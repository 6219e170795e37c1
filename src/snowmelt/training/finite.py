"""A loss or a gradient that is no number ends the training before it changes a weight."""

from __future__ import annotations

import math

import torch

from snowmelt.common.errors import UserError
from snowmelt.training.settings import TrainingSettings

SCALED = "16-mixed"


class NotFinite(UserError):
    """The loss or the gradient of a step is NaN or infinite."""


def check_finite(
    name: str, value: float, step: int, training: TrainingSettings, precision: str
) -> None:
    """Refuse a value of a step that is no number.

    Args:
        name: what it is, such as "loss".
        step: the step that it belongs to, counted from 1.
        training, precision: what the advice depends on.

    Raises:
        NotFinite: it is NaN or infinite.
    """
    if math.isfinite(value):
        return
    clip = training.gradient_clip
    advice = [
        f"lower training.learning_rate ({training.learning_rate:g})",
        "set training.gradient_clip" if clip is None else "lower training.gradient_clip",
    ]
    if precision != "32-true":
        advice.append("use trainer.precision=32-true")
    # As `execution.computing` has set it for this training.
    if torch.backends.mkldnn.conv.fp32_precision == "bf16":  # type: ignore[attr-defined]
        advice.append("use trainer.conv_precision=fp32")
    raise NotFinite(
        f"the {name} is {value} in step {step}, before the weights were changed by"
        f" it: {', '.join(advice[:-1])} or {advice[-1]}"
    )
