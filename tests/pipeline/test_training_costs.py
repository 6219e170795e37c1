"""What a training cost is noted while it runs, and adds up over its parts."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from snowmelt.pipeline import training_costs
from snowmelt.pipeline.cost_notes import TrainingCosts
from snowmelt.pipeline.training_costs import CostNote, processor
from snowmelt.training.module import DiffusionModule

IDENTITY = "0a" * 32


class Module(DiffusionModule):
    """As much of one as is asked."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.net = torch.nn.Linear(3, 2)
        self.still = torch.nn.Linear(3, 2).requires_grad_(False)
        self.training_config: Any = SimpleNamespace(batch_size=32)


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Trains for some seconds of a clock that stands still otherwise."""
    clock = [0.0]
    monkeypatch.setattr(training_costs.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(training_costs, "newest_row", lambda trainer, module: {})
    costs, module = TrainingCosts(tmp_path), Module()

    def train(since: int, until: int, seconds: float, *, ends: bool = True) -> Any:
        strategy = SimpleNamespace(root_device=torch.device("cpu"))
        trainer: Any = SimpleNamespace(global_step=since, world_size=1, strategy=strategy)
        note = CostNote(costs, IDENTITY, tmp_path)
        note.on_train_start(trainer, module)
        trainer.global_step = until
        clock[0] += seconds
        note.on_train_batch_end(trainer, module, None, None, 0)
        if ends:
            note.on_train_end(trainer, module)
        return costs.facts(IDENTITY)

    return train


def test_machine_weights_time_and_versions_are_noted(noted: Any) -> None:
    facts = noted(0, 40, 12.5)
    assert facts["seconds"] == 12.5
    assert facts["steps"] == 40
    assert facts["weights"] == 8, "without those that are not trained"
    assert facts["batch_size"] == 32
    assert facts["machine"].endswith(processor())
    assert facts["torch_version"] == metadata.version("torch")


def test_a_training_that_goes_on_adds_its_time(noted: Any) -> None:
    noted(0, 20, 10.0, ends=False)
    assert noted(20, 40, 5.0)["seconds"] == 15.0
    assert noted(0, 40, 7.0)["seconds"] == 7.0, "begun anew"


def test_another_training_or_a_damaged_note_is_not_known(
    noted: Any, tmp_path: Path
) -> None:
    noted(0, 20, 10.0)
    costs = TrainingCosts(tmp_path)
    assert costs.facts(IDENTITY[:16] + "b" * 48) == {}
    (note,) = costs.folder.iterdir()
    note.write_text("{")
    assert costs.facts(IDENTITY) == {}
    assert costs.facts("unknown") == {}
