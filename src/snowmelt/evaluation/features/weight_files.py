"""Weights on disk: saved as tensors alone, loaded without running code, named by digest."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from snowmelt.common.errors import UserError
from snowmelt.common.tensor_files import read_tensors

Source = Path | BinaryIO


def digest(module: nn.Module, *facts: str) -> str:
    """The SHA-256 of a module's weights and buffers, and of `facts` that define the rest.

    Names, types, shapes and values all count, memory layout does not.
    """
    found = hashlib.sha256("\n".join(facts).encode())
    for name, tensor in module.state_dict().items():
        found.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def save(module: nn.Module, path: Path) -> None:
    """Write the state of `module`; equal states give equal bytes."""
    state = {k: v.detach().cpu().contiguous() for k, v in module.state_dict().items()}
    # Through memory: torch does not tell a full disk from a defect.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path.write_bytes(buffer.getvalue())


def load(module: nn.Module, path: Path, *, remedy: str) -> None:
    """Fill `module` with what `save` wrote.

    Args:
        remedy: what the user should do if that fails, after "...: ".

    Raises:
        UserError: the file is missing, unreadable or of another network.
    """
    try:
        module.load_state_dict(read(path, name=str(path), remedy=remedy))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} does not hold the weights of this network ({reason}): {remedy}"
        ) from error


def read(source: Source, *, name: str, remedy: str) -> dict[str, Tensor]:
    """The tensors of a file by name; nothing in it is executed.

    Args:
        remedy: see `load`.

    Raises:
        UserError: the file is missing, unreadable or holds anything but named tensors.
    """
    try:
        # Published weights may be of an older torch; their own digest names them.
        state = read_tensors(source, is_older_allowed=not isinstance(source, Path))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{name} is no readable file of weights ({error}): {remedy}"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()
    ):
        raise UserError(f"{name} holds something else than named tensors: {remedy}")
    return state
