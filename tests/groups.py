"""Groups of processes that meet as torchrun's do, each of which runs a function."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

SPAWN = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads
PATIENCE = 300.0  # seconds


def in_group(count: int, work: Callable[..., Any], *given: Any) -> list[Any]:
    """What `work(*given)` returns in each process of a group, in the order of the ranks.

    Args:
        work: a function of a module, which the processes can import.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answers: Any = SPAWN.Queue()
    processes = [
        SPAWN.Process(target=_run, args=(rank, count, port, answers, work, given))
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    try:
        found = dict(answers.get(timeout=PATIENCE) for _ in processes)
    finally:
        for process in processes:
            process.join(10)
            process.kill()
    failed = [answer for answer in found.values() if isinstance(answer, BaseException)]
    if failed:
        raise failed[0]
    return [found[rank] for rank in range(count)]


def _run(
    rank: int,
    count: int,
    port: int,
    answers: Any,
    work: Callable[..., Any],
    given: tuple[Any, ...],
) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    try:
        answers.put((rank, work(*given)))
    except BaseException as error:  # whoever waits has to hear of it
        answers.put((rank, error))
        raise
