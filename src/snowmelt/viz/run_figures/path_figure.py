r"""The same noise on three ways to the data, by the learned and by the true score.

The chain of DDPM, the reverse stochastic differential equation and the probability-flow
ordinary one have the same densities at every time, so with the true score they end in the
same cloud. The paths are others: the first two add noise on the way, and where a point ends
says little about where it started; the third adds none, and its paths never cross in the
whole space, so that each piece of noise has a piece of the data of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.evaluation.plane import marginal_in_time
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.sampling.trajectories import reverse
from snowmelt.viz.plots.paths_by_sampler import Way, ways_in_time
from snowmelt.viz.run_figures.point_setting import Setting
from snowmelt.viz.style import save_png

FOLLOWED = 14
STEPS = 150
HEUN_STEPS = 40
NO_SLOPE = "It cannot start: without any signal\nat t = 1 its slope is infinite there."
WILD = "It went astray:\nstates that are no numbers."


def samplers() -> dict[str, Sampler]:
    """The three ways, by the title that they have in the picture."""
    return {
        "DDPM chain": DDIM(STEPS, eta=1.0),
        "reverse SDE (Euler-Maruyama)": EulerMaruyama(STEPS),
        "probability-flow ODE (Heun)": Heun(HEUN_STEPS),
    }


def paths(setting: Setting, folder: Path) -> None:
    """Write `paths.png`: coordinate 1 over time, a column a sampler, a row a score."""
    rows = {"learned score": setting.denoiser}
    if setting.density is not None:
        # V is well posed at every time of every process, whatever the network predicts.
        rows["true score"] = setting.density.denoiser(setting.process, V())
    ways = {
        row: {name: way(setting, by, how) for name, how in samplers().items()}
        for row, by in rows.items()
    }
    low, high = setting.extent_with()[:2]
    truth = setting.density if setting.density is not None else setting.real
    behind = None
    if truth is not None:
        behind = marginal_in_time(truth, setting.view, low, high)
    figure = ways_in_time(ways, raster=behind, size=setting.size, limits=(low, high))
    save_png(figure, folder / "paths.png")


def way(setting: Setting, denoiser: Denoiser, sampler: Sampler) -> Way:
    """Coordinate 1 of the first samples' starts on their way; or why there is none."""
    schedule = denoiser.process.schedule
    if sampler.needs_finite_slope and schedule.has_zero_terminal_snr:
        return Way(note=NO_SLOPE)
    device = next((weight.device for weight in denoiser.parameters()), torch.device("cpu"))
    index = torch.arange(FOLLOWED, device=device)
    found = reverse(denoiser, sampler, index, (setting.size,), seed=setting.seed)
    if not bool(found.states.isfinite().all()):
        return Way(note=WILD)
    times = found.times.numpy()
    places = [
        setting.seen(x, float(t))[:, 0]
        for x, t in zip(found.states, found.times, strict=True)
    ]
    return Way(times, np.stack(places))
