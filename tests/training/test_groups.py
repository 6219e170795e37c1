"""Groups of processes: the same examples, noise, times and losses as one process alone."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
from typing import Any

import pytest
import torch
from tests.project import ROOT, clean_environment
from tests.training import group_worker
from tests.training.group_worker import STEPS
from torch import Tensor


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return group_worker.run(parts=1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, dict[str, Any]]]:
    """What each of two processes that talk over gloo has noted, by the name of a run."""
    folder = tmp_path_factory.mktemp("pair")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    files = [folder / f"{rank}.pt" for rank in range(2)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.group_worker", str(file)],
            cwd=ROOT,
            env=clean_environment()
            | {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "LOCAL_WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "TORCHELASTIC_RUN_ID": "test",
            },
        )
        for rank, file in enumerate(files)
    ]
    assert [process.wait(300) for process in started] == [0, 0]
    return [torch.load(file, weights_only=True) for file in files]


def by_step(noted: list[dict[str, Any]], parts: int) -> list[list[Tensor]]:
    """What each step was given: the parts of the processes, one after another."""
    steps = []
    for step in range(STEPS):
        own = slice(step * parts, (step + 1) * parts)
        pieces = itertools.chain.from_iterable(one["given"][own] for one in noted)
        steps.append([torch.cat(column) for column in zip(*pieces, strict=True)])
    return steps


@pytest.mark.parametrize("parts", [1, 2])
def test_two_processes_see_and_learn_what_one_does(
    alone: dict[str, Any], pair: list[dict[int, dict[str, Any]]], parts: int
) -> None:
    noted = [one[parts] for one in pair]
    for mine, theirs in zip(by_step(noted, parts), alone["given"], strict=True):
        for part, whole in zip(mine, theirs, strict=True):
            assert torch.equal(part, whole)
    for one in noted:
        assert one["losses"] == pytest.approx(alone["losses"], rel=1e-3)
        # A network so small is one bucket; the first part of a batch shares nothing.
        assert one["shared"] == STEPS
        for name, value in alone["average"].items():
            torch.testing.assert_close(one["average"][name], value, rtol=1e-3, atol=1e-4)
    assert len(alone["losses"]) == STEPS


def test_two_processes_find_the_partners_that_one_does(
    pair: list[dict[Any, dict[str, Any]]],
) -> None:
    alone = group_worker.run(1, group_worker.COUPLED)
    noted = [one["coupled"] for one in pair]
    for mine, theirs in zip(by_step(noted, 2), alone["given"], strict=True):
        for part, whole in zip(mine, theirs, strict=True):
            assert torch.equal(part, whole)
    for one in noted:
        assert one["losses"] == pytest.approx(alone["losses"], rel=1e-3)
