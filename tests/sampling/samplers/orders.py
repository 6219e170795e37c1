"""How fast each sampler converges: fitted orders, and the table of them for the docs.

`python -m tests.sampling.samplers.orders > docs/tables/orders.md` writes the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from omegaconf import OmegaConf
from tests.sampling.samplers.exact import Between, error, gaussian_denoiser, marginal

from snowmelt.common.instantiate import build
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear
from snowmelt.sampling.samplers.predictor_corrector import MeanLengths, PredictorCorrector
from snowmelt.sampling.samplers.sampler import Sampler, WholePath

CONF = Path(__file__).parents[3] / "conf" / "sampler"
FILES = sorted(CONF.glob("*.yaml"))
FIRST, LAST = 1.0, 0.05
STEPS = (40, 80, 160)
# Of rules that look back an error of higher order fades first, that of their first steps.
FINER = {
    "deis": (640, 1280, 2560),
    "pndm": (160, 320, 640),
    "unipc": (160, 320, 640),
}
TOLERANCE = 0.12
TOLERANCES = (1e-3, 1e-5, 1e-7)
PROCESSES: dict[str, Process] = {
    "linear": VariancePreserving(Linear()),
    "cosine": VariancePreserving(Cosine()),
}


def counts(file: Path) -> tuple[int, ...]:
    """The numbers of steps over which an order is fitted."""
    return FINER.get(file.stem, STEPS)


def built(file: Path, steps: int, **changes: object) -> Sampler:
    """The sampler of a file of conf/, on the grid that orders are fitted on."""
    node = OmegaConf.to_container(OmegaConf.load(file), resolve=True)
    node = {**node, "steps": steps + 1, **changes}
    sampler = build(node, Sampler, grid=Between(FIRST, LAST))
    if isinstance(sampler, PredictorCorrector):
        # Langevin steps of a fixed size end in a distribution that is off by as much,
        # however many there are: the order is that of steps that shrink as 1/N.
        sampler.signal_to_noise *= math.sqrt(STEPS[0] / steps)
        # A size that depends on the state leaves no affine map.
        sampler.size = MeanLengths()
    return sampler


def errors(
    make: Callable[[int], Sampler], process: Process, counts: tuple[int, ...] = STEPS
) -> list[float]:
    """The distance from the truth for each number of steps."""
    samplers = [make(steps) for steps in counts]
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
    """The distance from the truth for each tolerance; the flow is affine up to that."""
    first, last = (torch.tensor(t, dtype=torch.float64) for t in (FIRST, LAST))
    (mean, std), true = marginal(process, first), marginal(process, last)
    found, start = [], torch.tensor([[mean], [mean + std]], dtype=torch.float64)
    for given in TOLERANCES:
        sampler = built(file, 2, rtol=given, atol=given)
        x = sampler.step(gaussian_denoiser(process), start, first, last, start[:0], {})
        found.append(math.dist((float(x[0]), float(x[1] - x[0])), true))
    return found


def chooses_its_steps(file: Path) -> bool:
    return isinstance(built(file, 2), WholePath)


def table() -> str:
    """Markdown: a row for each sampler of conf/."""
    stepping = [file for file in FILES if not chooses_its_steps(file)]
    lines = [
        f"Fitted over {', '.join(map(str, STEPS))} equal steps from t = {FIRST:g} to"
        f" {LAST:g}: exact moments of Gaussian data,",
        "exact denoiser, variance preserving; the error is the Wasserstein distance from"
        " the true marginal.",
        f"Of langevin the size of the corrector's steps shrinks as 1/N, from that of its"
        f" file at {STEPS[0]} steps,",
        "and is the one that does not depend on the state. "
        + "; ".join(f"{name} over {', '.join(map(str, n))}" for name, n in FINER.items())
        + ": there the order shows.",
        "",
        "| sampler | declared | "
        + " | ".join(f"{name} | error at the end" for name in PROCESSES)
        + " |",
        "|" + "---|" * (2 + 2 * len(PROCESSES)),
    ]
    for file in stepping:
        cells = []
        for process in PROCESSES.values():
            own = counts(file)
            found = errors(lambda steps, file=file: built(file, steps), process, own)
            cells += [f"{-slope(own, found):.2f}", f"{found[-1]:.1e}"]
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
