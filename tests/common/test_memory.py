"""Memory that runs out ends in one line that says what to lower."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from snowmelt.common import memory
from snowmelt.common.errors import UserError

CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79 GiB"
)
CPU = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate"
    " memory: you tried to allocate 4000000000000 bytes. Error code 12"
)
ENDS = [
    (torch.OutOfMemoryError(CUDA), "CUDA out of memory"),
    (
        RuntimeError(CPU),
        "can't allocate memory: you tried to allocate 4000000000000 bytes",
    ),
    (MemoryError("Unable to allocate 3 GiB"), "Unable to allocate 3 GiB"),
    (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "Cannot allocate memory"),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "CUBLAS_STATUS_ALLOC_FAILED"),
]


@pytest.mark.parametrize(("error", "asked"), ENDS, ids=[said for _, said in ENDS])
def test_a_lack_of_memory_is_one_line_with_advice(error: Exception, asked: str) -> None:
    with pytest.raises(memory.OutOfMemory) as said, memory.naming("lower a.b"):
        raise error
    assert str(said.value).startswith("there is not enough memory (")
    assert asked in str(said.value)
    assert str(said.value).endswith("): lower a.b")
    assert "\n" not in str(said.value)


def test_what_torch_really_raises_is_known() -> None:
    asked = "you tried to allocate"
    with pytest.raises(memory.OutOfMemory, match=asked), memory.naming("lower a.b"):
        torch.empty(2**60, dtype=torch.uint8)


def test_a_lack_of_memory_without_words_has_no_brackets() -> None:
    said = r"^there is not enough memory: less$"
    with pytest.raises(memory.OutOfMemory, match=said), memory.naming("less"):
        raise MemoryError


@pytest.mark.parametrize(
    "error", [RuntimeError("a shape"), UserError("out of memory"), OSError(2, "none")]
)
def test_everything_else_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, memory.naming("lower a.b"):
        raise error
    assert raised.value is error
