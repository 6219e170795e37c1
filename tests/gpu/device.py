"""The device of these tests, and how its numbers are held against a processor's."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

# `GPU_TESTS_ON=cpu` tries the tests themselves out where there is no GPU.
DEVICE = torch.device(os.environ.get("GPU_TESTS_ON", "cuda"))
IS_GPU = DEVICE.type == "cuda"
CPU = torch.device("cpu")
# The keys of a training in float32 on that device.
TRAINER = (f"trainer.accelerator={'gpu' if IS_GPU else 'cpu'}", "trainer.precision=32-true")


def close(found: Tensor, expected: Tensor, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """That a tensor lies on the device, and has the values of one on the processor."""
    assert found.device.type == DEVICE.type
    torch.testing.assert_close(found.cpu(), expected, rtol=rtol, atol=atol)


def moved(module: Any, device: torch.device = DEVICE) -> Any:
    """A module on a device, with the tensors that it holds as plain attributes."""
    for part in module.modules():
        for name, value in vars(part).items():
            if isinstance(value, Tensor):
                setattr(part, name, value.to(device))
    return module.to(device)
