"""The terms of the bound as lines of a table: likelihood.csv."""

from __future__ import annotations

import torch

from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.likelihood.example_terms import Terms
from snowmelt.evaluation.likelihood.variational_bound import Bound

COLUMNS = (
    "term",
    "first_step",
    "last_step",
    "time",
    "log_snr",
    "log_snr_gained",
    "bits_per_dim",
    "bits_per_dim_se",
)
Row = dict[str, str | int | float | None]


def rows(terms: Terms, bound: Bound, process: Process) -> list[Row]:
    """The prior, the steps from noise to data, the decoder.

    A line of steps is the sum over a run of them, with the log-SNR that they gain; its
    time is that of the run's middle.
    """
    steps = bound.steps
    runs = reversed(list(enumerate(bound.runs(process))))
    lines = [("prior", steps, steps, terms.prior)]
    lines += [("step", first, last, terms.steps[:, place]) for place, (first, last) in runs]
    lines += [("decoder", 1, 1, terms.reconstruction)]
    found: list[Row] = []
    for term, first, last, bits in lines:
        time = float(bound.time((first + last) / 2))
        estimate = Estimate.of_mean(bits)
        log_snr, gained = _log_snr(process, time), 0.0
        if term == "step":
            start, end = float(bound.time(last)), float(bound.time(first - 1))
            gained = _log_snr(process, end) - _log_snr(process, start)
        line = (term, first, last, time, log_snr, gained, estimate.value, estimate.spread)
        found.append(dict(zip(COLUMNS, line, strict=True)))
    return found


@torch.no_grad()
def _log_snr(process: Process, time: float) -> float:
    schedule = process.schedule
    learned = list(schedule.parameters()) if isinstance(schedule, torch.nn.Module) else []
    device = learned[0].device if learned else None
    return float(process.log_snr(torch.tensor(time, dtype=torch.float64, device=device)))
