"""In what numbers a network computes while it is sampled, and whether it is compiled.

The state of a sample, its noise and the coefficients of its steps are float32 or more in
any case: only the network itself, between a state and its answer, computes in others.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from snowmelt.common.compiler import LACKING, has_compiler
from snowmelt.common.errors import UserError
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.settings import Precision


class _InBfloat16(nn.Module):
    """A network whose products are in bfloat16, and its weights as they are."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, *given: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            answer: Tensor = self.net(x, *given)
        return answer


def check(precision: str, device: torch.device) -> None:
    """Refuse numbers that a device has not.

    Raises:
        UserError: naming the key.
    """
    if precision == "32-true":
        return
    try:
        with torch.autocast(device.type, torch.bfloat16):
            pass
        is_there = device.type != "cuda" or torch.cuda.is_bf16_supported()
        reason = "it has no bfloat16"
    except RuntimeError as error:
        is_there, reason = False, " ".join(str(error).split())[:300]
    if not is_there:
        raise UserError(
            f"sample.precision={precision} cannot be had on {device}: {reason}: set"
            " sample.precision=32-true"
        )


def why_not_compiled() -> str | None:
    """What stands against compiling a network here; None if nothing does."""
    return None if has_compiler() else LACKING


def computing(
    denoiser: Denoiser, precision: Precision, *, is_compiled: bool = False
) -> Denoiser:
    """The denoiser whose network computes so; the weights are shared.

    A compiled network is for batches of one size: it is compiled anew for another one.
    """
    if precision == "32-true" and not is_compiled:
        return denoiser
    net: Any = torch.compile(denoiser.net, dynamic=False) if is_compiled else denoiser.net
    return denoiser.around(_InBfloat16(net) if precision == "bf16-mixed" else net).eval()
