"""A training that cannot go on says so in one line: where, what is kept, what to try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import Mistake
from tests.project import TINY, make_workspace
from torch import Tensor

from snowmelt.pipeline.cli import main
from snowmelt.training.objective import Objective

QUICK = (*TINY, "tracking=none", "likelihood=none", "training.picture_every=1000")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("faults") / "project")


@pytest.fixture
def fault_at(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int, Callable[[Tensor], Tensor]], None]]:
    """A function that lets the losses of one step be changed, in a project with data."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    if not (project / "data/prepared").exists():
        assert main(["prepare"]) == 0
    losses = Objective.network_losses

    def inject(step: int, change: Callable[[Tensor], Tensor]) -> None:
        calls = [0]

        def changed(self: Objective, *example: Any) -> Tensor:
            calls[0] += 1
            found = losses(self, *example)
            return change(found) if calls[0] == step else found

        monkeypatch.setattr(Objective, "network_losses", changed)

    yield inject
    torch.use_deterministic_algorithms(False)


def test_a_loss_that_is_no_number_names_step_state_and_cure(
    project: Path, fault_at: Callable[..., None], mistake: Mistake
) -> None:
    fault_at(25, lambda losses: losses * torch.nan)
    said = mistake("train", *QUICK, "out=faulty", cwd=project)
    assert "the loss is nan in step 25, before the weights were changed by it" in said
    assert "lower training.learning_rate (0.002) or lower training.gradient_clip" in said
    (state,) = (project / ".snowmelt/resume").glob("*/last.ckpt")
    assert said.endswith(f"the last good state, after step 20, is kept in {state}")
    assert torch.load(state, weights_only=True)["global_step"] == 20
    assert not (project / "faulty").exists()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB. GPU 0"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
def test_a_lack_of_memory_in_a_step_names_what_to_lower(
    project: Path, fault_at: Callable[..., None], mistake: Mistake, error: Exception
) -> None:
    def fail(losses: Tensor) -> Tensor:
        raise error

    fault_at(3, fail)
    said = mistake("train", *QUICK, "seed=5", "out=large", cwd=project)
    assert "there is not enough memory" in said
    assert "trainer.accumulate=2 (the same training)" in said
    assert "training.batch_size (32) or choose a smaller net" in said
