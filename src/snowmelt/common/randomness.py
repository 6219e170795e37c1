r"""Random numbers that are a function of their place, not of the order of the calls.

A generator with a state hands out numbers in the order in which they are asked for, so the
noise of image 7 depends on the batch that it came in. Here every number is computed from
its key: (seed, stream, index, step, element). Any batch size, any number of processes and
any place to resume from therefore see the same noise, and nothing needs to be saved.

The bijection is Philox 4x32 with ten rounds, a counter-based generator whose output passes
the usual statistical batteries; uniforms become normals by the Box-Muller transform.

References:
    Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
    Box & Muller (1958), "A note on the generation of random normal deviates".
"""

from __future__ import annotations

import enum
import math

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_SORTED_AT_ONCE = 2**16  # a multiple of four
Step = int | Tensor


class Stream(enum.IntEnum):
    """What a number is for; numbers of two streams are independent of each other."""

    TRAINING_NOISE = 1
    TRAINING_TIME = 2
    DATA_ORDER = 3
    SAMPLING_START = 4
    SAMPLING_STEP = 5
    HELD_OUT_NOISE = 6
    CONSTRAINT = 7
    LABEL_DROPOUT = 8
    LIKELIHOOD = 9
    MEASUREMENT = 10
    DENSITY = 11
    CLOUD = 12
    TRAJECTORY = 13
    SCORE_ERROR = 14
    SELF_CONDITIONING = 15
    FLIP = 16
    START_ORDER = 17
    COUPLING = 18
    PATH_NOISE = 19


def philox(counter: Tensor, key: tuple[int, int]) -> Tensor:
    """Encrypt counters to four random words each.

    Args:
        counter: four words of 32 bits, held in int64.
        key: two words of 32 bits.

    Shapes:
        counter: (*, 4) -> (*, 4)
    """
    word_0, word_1, word_2, word_3 = counter.unbind(-1)
    key_0, key_1 = key
    for _ in range(_ROUNDS):
        # An int64 product wraps, but its 64 bits are those of the unsigned product.
        product_0 = word_0 * _MULTIPLIERS[0]
        product_1 = word_2 * _MULTIPLIERS[1]
        word_0 = ((product_1 >> 32) & _WORD) ^ word_1 ^ key_0
        word_2 = ((product_0 >> 32) & _WORD) ^ word_3 ^ key_1
        word_1 = product_1 & _WORD
        word_3 = product_0 & _WORD
        key_0 = (key_0 + _WEYL[0]) & _WORD
        key_1 = (key_1 + _WEYL[1]) & _WORD
    return torch.stack((word_0, word_1, word_2, word_3), dim=-1)


def _words(
    count: int, seed: int, stream: Stream, index: Tensor, step: Step, first: int = 0
) -> tuple[Tensor, Tensor]:
    """Two halves of random words in (0, 1), float64: each (B, ceil(count / 4), 2).

    Args:
        first: the block of four to begin with.
    """
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be between 0 and 2^64 - 1, got {seed}")
    if isinstance(step, Tensor):
        if step.shape not in ((), index.shape):
            raise ValueError(
                "step must be one number, or one for each index, got the shape"
                f" {tuple(step.shape)} for {len(index)} indices"
            )
        step = step.to(index.device).reshape(-1, 1)
    blocks = first + torch.arange((count + 3) // 4, device=index.device)
    index = index.to(torch.int64)
    counter = torch.empty(
        len(index), len(blocks), 4, dtype=torch.int64, device=index.device
    )
    counter[..., 0] = blocks
    counter[..., 1] = step  # a plain number goes there without a copy that is waited for
    counter[..., 2] = (index & _WORD)[:, None]
    counter[..., 3] = ((index >> 32) << 8 | int(stream))[:, None]
    words = philox(counter, (seed & _WORD, seed >> 32))
    # The half keeps 0 and 1 out, so that the logarithm below is finite.
    uniforms = (words.to(torch.float64) + 0.5) / 2.0**32
    return uniforms[..., :2], uniforms[..., 2:]


def uniform(
    shape: tuple[int, ...], *, seed: int, stream: Stream, index: Tensor, step: Step = 0
) -> Tensor:
    """Uniform numbers in (0, 1), float64, keyed by (seed, stream, index, step, element).

    Args:
        step: one for all, or one for each index: the numbers of many steps in one call.

    Shapes:
        index: (B,), step: () or (B,) -> (B, *shape)

    Raises:
        ValueError: the seed is not in [0, 2^64), or steps that do not fit the indices.
    """
    count = math.prod(shape)
    halves = _words(count, seed, stream, index, step)
    flat = torch.cat(halves, dim=-1).flatten(1)[:, :count]
    return flat.reshape(len(index), *shape)


def normal(
    shape: tuple[int, ...], *, seed: int, stream: Stream, index: Tensor, step: Step = 0
) -> Tensor:
    """Standard normal numbers, float32, keyed by (seed, stream, index, step, element).

    Args:
        step: one for all, or one for each index: the numbers of many steps in one call.

    Shapes:
        index: (B,), step: () or (B,) -> (B, *shape)

    Raises:
        ValueError: the seed is not in [0, 2^64), or steps that do not fit the indices.
    """
    count = math.prod(shape)
    first, second = _words(count, seed, stream, index, step)
    radius = torch.sqrt(-2.0 * torch.log(first))
    angle = (2.0 * math.pi) * second
    pairs = torch.cat((radius * torch.cos(angle), radius * torch.sin(angle)), dim=-1)
    return pairs.flatten(1)[:, :count].reshape(len(index), *shape).to(torch.float32)


def permutation(count: int, *, seed: int, stream: Stream, index: int) -> Tensor:
    """A random order of 0 .. count - 1, keyed by (seed, stream, index).

    The numbers to sort by are those of `uniform`, made a part at a time: the way to one
    takes ten times its room.

    Shapes:
        -> (count,) int64
    """
    key, keys = torch.tensor([index]), torch.empty(count, dtype=torch.float64)
    for start in range(0, count, _SORTED_AT_ONCE):
        part = keys[start : start + _SORTED_AT_ONCE]
        halves = _words(len(part), seed, stream, key, 0, first=start // 4)
        part.copy_(torch.cat(halves, dim=-1).flatten()[: len(part)])
    return torch.argsort(keys, stable=True)
