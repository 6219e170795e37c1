"""What a step draws follows from its seed, its number and the place, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from snowmelt.common.randomness import Stream, uniform
from snowmelt.diffusion.denoiser import NULL_CLASS
from snowmelt.training.step_draws import StepDraws, seed_dropout

DRAWS = StepDraws(seed=7, step=4, slot=torch.arange(64))
LABELS = torch.arange(64) % 3


def all_of(draws: StepDraws) -> list[torch.Tensor]:
    labels = draws.labels(LABELS[draws.slot], 0.5)
    assert labels is not None
    return [
        draws.noise((2, 3)),
        draws.path_noise((2, 3)),
        draws.for_coupling(),
        labels,
        draws.self_conditioned(0.5),
    ]


def test_parts_of_a_batch_draw_together_what_the_whole_does() -> None:
    parts = [all_of(replace(DRAWS, slot=slot)) for slot in DRAWS.slot.split(16)]
    for whole, drawn in zip(all_of(DRAWS), zip(*parts, strict=True), strict=True):
        assert torch.equal(torch.cat(drawn), whole)


@pytest.mark.parametrize("change", [{"seed": 8}, {"step": 5}])
def test_another_step_or_seed_draws_otherwise(change: dict[str, int]) -> None:
    for one, other in zip(all_of(DRAWS), all_of(replace(DRAWS, **change)), strict=True):
        assert not torch.equal(one, other)


def test_each_choice_has_a_stream_of_its_own() -> None:
    place = {"seed": 7, "index": DRAWS.slot, "step": 4}
    dropped = uniform((1,), stream=Stream.LABEL_DROPOUT, **place)[:, 0] < 0.25
    labels = DRAWS.labels(LABELS, 0.25)
    assert labels is not None
    assert torch.equal(labels, torch.where(dropped, NULL_CLASS, LABELS))
    chosen = uniform((1,), stream=Stream.SELF_CONDITIONING, **place)[:, 0] < 0.25
    assert torch.equal(DRAWS.self_conditioned(0.25), chosen)
    assert not torch.equal(dropped, chosen)
    assert not torch.equal(DRAWS.noise((2,)), DRAWS.path_noise((2,)))
    expected = uniform((1,), stream=Stream.COUPLING, **place)[:, 0]
    assert torch.equal(DRAWS.for_coupling(), expected)


def test_without_classes_there_is_nothing_to_drop() -> None:
    assert DRAWS.labels(None, 1.0) is None


def test_dropout_draws_the_same_in_the_same_step_of_the_same_process() -> None:
    def drawn(seed: int, step: int, rank: int) -> tuple[float, ...]:
        seed_dropout(seed, step, rank, torch.device("cpu"))
        return tuple(torch.rand(4).tolist())

    assert drawn(7, 4, 1) == drawn(7, 4, 1)
    others = [drawn(7, 5, 1), drawn(7, 4, 0), drawn(8, 4, 1)]
    assert len({drawn(7, 4, 1), *others}) == 4


def test_dropout_is_seeded_as_in_every_training_before() -> None:
    seed_dropout(7, 4, 1, torch.device("cpu"))
    drawn = torch.rand(4)
    torch.manual_seed(7 + 5 * 1_000_003 + 1)
    assert torch.equal(drawn, torch.rand(4))
