"""How fast each sampler converges: fitted orders, and the table of them for the docs.

`python -m tests.samplers.orders > docs/tables/orders.md` writes the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from omegaconf import OmegaConf

from snowmelt.building import build
from snowmelt.processes import Process, VariancePreserving
from snowmelt.samplers.sampler import Sampler, WholePath
from snowmelt.schedules import Cosine, Linear
from tests.samplers.exact import Between, error, gaussian_denoiser

CONF = Path(__file__).parents[2] / "conf" / "sampler"
FILES = sorted(CONF.glob("*.yaml"))
FIRST, LAST = 1.0, 0.05
STEPS = (64, 128, 256)
TOLERANCE = 0.08
TOLERANCES = (1e-3, 1e-5, 1e-7)
PROCESSES: dict[str, Process] = {
    "linear": VariancePreserving(Linear()),
    "cosine": VariancePreserving(Cosine()),
}


def built(file: Path, steps: int, **changes: object) -> Sampler:
    """The sampler of a file of conf/, on the grid that orders are fitted on."""
    node = {**OmegaConf.load(file), "steps": steps + 1, **changes}
    sampler = build(node, Sampler)
    sampler.grid = Between(FIRST, LAST)
    return sampler


def errors(make: Callable[[int], Sampler], process: Process) -> list[float]:
    """The distance from the truth for each number of steps."""
    samplers = [make(steps) for steps in STEPS]
    return [error(gaussian_denoiser(process, sampler), sampler) for sampler in samplers]


def slope(x: tuple[float, ...], y: list[float]) -> float:
    """That of the straight line of least squares through (log x, log y)."""
    across, up = ([math.log(value) for value in values] for values in (x, y))
    middle, height = sum(across) / len(across), sum(up) / len(up)
    steepness = sum((a - middle) * (b - height) for a, b in zip(across, up, strict=True))
    return steepness / sum((a - middle) ** 2 for a in across)


def fitted(make: Callable[[int], Sampler], process: Process) -> float:
    """The order of convergence, from the fall of the error with the number of steps."""
    return -slope(STEPS, errors(make, process))


def adaptive_errors(file: Path, process: Process) -> list[float]:
    """The distance from the truth for each tolerance."""
    samplers = [built(file, 2, rtol=given, atol=given) for given in TOLERANCES]
    return [error(gaussian_denoiser(process), sampler) for sampler in samplers]


def chooses_its_steps(file: Path) -> bool:
    return isinstance(built(file, 2), WholePath)


def table() -> str:
    """Markdown: a row for each sampler of conf/."""
    stepping = [file for file in FILES if not chooses_its_steps(file)]
    lines = [
        f"Fitted over {', '.join(map(str, STEPS))} equal steps from t = {FIRST:g} to"
        f" {LAST:g}: exact moments of Gaussian data,",
        "exact denoiser, variance preserving; the error is the Wasserstein distance from the"
        " true marginal.",
        "",
        "| sampler | declared | "
        + " | ".join(f"{name} | error at {STEPS[-1]}" for name in PROCESSES)
        + " |",
        "|" + "---|" * (2 + 2 * len(PROCESSES)),
    ]
    for file in stepping:
        cells = []
        for process in PROCESSES.values():
            found = errors(lambda steps, file=file: built(file, steps), process)
            cells += [f"{-slope(STEPS, found):.2f}", f"{found[-1]:.1e}"]
        declared = built(file, 2).order
        lines.append(f"| {file.stem} | {declared} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "A solver that chooses its own steps has a tolerance instead: its error at each.",
        "",
        "| sampler | schedule | "
        + " | ".join(f"rtol = atol = {given:.0e}" for given in TOLERANCES)
        + " |",
        "|" + "---|" * (2 + len(TOLERANCES)),
    ]
    for file in FILES:
        if file in stepping:
            continue
        for name, process in PROCESSES.items():
            cells = [f"{value:.1e}" for value in adaptive_errors(file, process)]
            lines.append(f"| {file.stem} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
