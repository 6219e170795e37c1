"""One contestant in a process of its own: it takes steps when it is told to.

`python -m tests.benchmarks.worker JSON`; each line of its input is a number of seconds,
each line that it answers is JSON. Between two lines it sleeps, so contestants can take
turns without being loaded anew.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch

from snowmelt.pipeline.freed_memory import keep_freed_memory
from tests.benchmarks import machine, networks, operators, steps


def main() -> None:
    asked = json.loads(sys.argv[1])
    torch.manual_seed(0)
    if asked["name"] not in networks.PEERS:
        keep_freed_memory()  # as every command of ours
    if asked["kind"] == "peak":
        step, told = machine.product(asked["how"])
    else:
        make = {"train": steps.step_of, "sample": steps.sampling_step}[asked["kind"]]
        step = make(asked["name"], asked["how"], asked["batch"], asked["ours"])
        told = _about(asked)
    step()  # what is made or compiled at the first step
    answer(told)
    for line in sys.stdin:
        if line.strip() == "profile":
            answer(operators.profiled(step))
        else:
            answer(timed(step, float(line)))


def timed(step: steps.Step, seconds: float) -> dict[str, float]:
    """The seconds of a step, over as many as fit into some seconds, at least one."""
    count, since = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - since < seconds:
        step()
        count += 1
    return {"seconds": (time.perf_counter() - since) / count, "steps": count}


def _about(asked: dict[str, Any]) -> dict[str, Any]:
    name = asked["name"]
    ours = name not in networks.PEERS
    network = networks.snowmelt(asked["ours"]) if ours else networks.PEERS[name]()
    return {
        "described": network.described,
        "parameters": networks.parameters(network.net),
        "flops": networks.training_flops(network),
    }


def answer(content: Any) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
