"""The embedding of the noise level."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from snowmelt.nets.embeddings import LevelEmbedding, LogSNREmbedding


def waves(width: int, log_snr: torch.Tensor) -> torch.Tensor:
    """The sines and cosines before the layers."""
    embedding = LogSNREmbedding(width)
    embedding.layers = nn.Identity()
    return embedding(log_snr)


def test_sines_and_cosines_of_wavelengths_from_1_to_100() -> None:
    log_snr = torch.tensor([-7.3, 0.0, 2.5])
    found = waves(6, log_snr)
    for column, length in enumerate((1.0, 10.0, 100.0)):
        for row, value in enumerate(log_snr.tolist()):
            angle = math.tau * value / length
            assert float(found[row, column]) == pytest.approx(math.sin(angle), abs=1e-4)
            assert float(found[row, 3 + column]) == pytest.approx(math.cos(angle), abs=1e-4)


def test_levels_are_told_apart_over_the_range_of_schedules() -> None:
    levels = torch.linspace(-20, 20, 401)
    found = waves(128, levels)
    distance = torch.cdist(found, found) + 1e9 * torch.eye(401)
    assert float(distance.min()) > 0.1


@pytest.mark.parametrize("width", [2, 4, 128])
def test_shape(width: int) -> None:
    found = LogSNREmbedding(width)(torch.zeros(3))
    assert found.shape == (3, width)
    assert found.isfinite().all()


def test_what_follows_from_the_width_is_not_saved() -> None:
    assert all(name.startswith("layers.") for name in LogSNREmbedding(4).state_dict())


@pytest.mark.parametrize("width", [-2, 0, 1, 7])
def test_odd_widths_are_refused(width: int) -> None:
    with pytest.raises(ValueError, match=f"positive even number, got {width}"):
        LogSNREmbedding(width)


def test_without_classes_it_is_the_embedding_of_the_level() -> None:
    embedding, levels = LevelEmbedding(6), torch.tensor([-3.0, 2.0])
    assert torch.equal(embedding(levels), embedding.log_snr(levels))
    assert all(name.startswith("log_snr.") for name in embedding.state_dict())
    with pytest.raises(ValueError, match="given to a network that has no classes"):
        embedding(levels, torch.tensor([0, 1]))


def test_the_class_is_added_and_the_last_entry_stands_for_none() -> None:
    embedding, levels = LevelEmbedding(6, classes=2), torch.tensor([-3.0, 2.0, 0.5])
    table = embedding.classes.weight
    assert table.shape == (3, 6)
    found = embedding(levels, torch.tensor([1, -1, 0]))
    expected = embedding.log_snr(levels) + table[torch.tensor([1, 2, 0])]
    assert torch.equal(found, expected)
    null = embedding.log_snr(levels) + table[2]
    assert torch.equal(embedding(levels), null)
    assert torch.equal(embedding(levels, torch.full((3,), -1)), null)


def test_a_negative_number_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="classes must not be negative, got -1"):
        LevelEmbedding(6, classes=-1)
