r"""The probability-flow ODE by a library's solver, which chooses its own steps.

scipy's `solve_ivp` takes a step of an embedded Runge-Kutta pair, reads the error off the
difference of the two rules, and shortens the step until the error is within
`atol + rtol |x|`. It sees one long vector and weighs the error over all of it (root mean
square), so samples that are integrated together share their steps: what one of them looks
like depends, within the tolerance, on the company it is in.

A sample must not depend on the batch that it is asked for in. Hence samples are integrated
in blocks that the index alone decides: index $i$ always travels with all of block
$\lfloor i / m \rfloor$, whoever was asked for. The other members cost nothing but time,
since their starting noise is keyed by their index too. With labels given, the label of a
member that was not asked for is not known, so each sample then travels alone; and so it
does where the starting state is handed in.

This is the one module of the mathematics that needs more than torch.

References:
    Song et al. (2021), arXiv:2011.13456, section 4.3 and appendix D.4 (RK45 over a batch);
    Dormand & Prince (1980), "A family of embedded Runge-Kutta formulae".
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor

from snowmelt.common.argument_checks import (
    check_at_least,
    check_between_0_and_1,
    check_positive,
)
from snowmelt.common.bounds import Count, Fraction, Many, Width
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.ode import slope
from snowmelt.sampling.samplers.sampler import Memory, Start, Watcher, WholePath
from snowmelt.sampling.samplers.thresholds import Threshold

# The implicit ones would build a Jacobian over all pixels of a block.
Method = Literal["RK23", "RK45", "DOP853"]
METHODS = get_args(Method)


class Adaptive(WholePath):
    r"""An explicit Runge-Kutta pair from noise to `end`, then the estimate of the data.

    Args:
        steps: how many states a watcher sees before the result. It does not touch the
            solver's own steps, and so neither the samples nor their cost.
        rtol, atol: tolerated error, relative and absolute, of one step of the solver.
        method: RK45, RK23 or DOP853.
        block: how many samples are integrated together; part of what a sample is. Batches
            of a multiple of it waste nothing.
        end: the time at which the solver stops; the network's estimate does the rest.
        limit: evaluations for one block after which it is given up: a network whose answers
            jump leaves the solver no step but tiny ones.
        grid: its first time is where the solver starts and its others are the states that
            are seen, but for the last, which becomes `end`.
        threshold: see `Sampler`.

    Raises:
        ValueError: an argument out of its range.
    """

    order = 1
    needs_finite_slope = True

    def __init__(
        self,
        steps: Count = 50,
        rtol: Fraction = 1e-4,
        atol: Fraction = 1e-4,
        method: Method = "RK45",
        block: Width = 16,
        end: Fraction = 1e-3,
        limit: Many = 10_000,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method}")
        check_positive(rtol=rtol, atol=atol)
        check_at_least(1, block=block, limit=limit)
        check_between_0_and_1(end=end)
        self.rtol = rtol
        self.atol = atol
        self.method = method
        self.block = block
        self.end = end
        self.limit = limit
        self._calls = 0
        self._blocks = 0

    @property
    def evaluations(self) -> int:
        """Calls of the network for one sample, the mean so far; 0 before any was drawn."""
        return round(self._calls / self._blocks) if self._blocks else 0

    def times(self, process: Process) -> Tensor:
        """The times of the states that are seen. Shapes: -> (steps,) float64

        Raises:
            ValueError: the grid has another time that is not above `end`.
        """
        times = super().times(process).clone()
        times[-1] = self.end
        if self.steps < 2 or not bool((times.diff() < 0).all()):
            raise ValueError(
                "this solver needs a grid of two or more times, and all but the last"
                f" above its end of {self.end}"
            )
        return times

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        """From `t` to `s` in as many steps as it takes, each sample by itself."""
        ends = torch.stack((t, s))
        return torch.cat(
            [
                self._path(conditioned, x, ends)[-1]
                for conditioned, x in _rows(denoiser, x_t)
            ]
        )

    def integrate(
        self,
        denoiser: Denoiser,
        index: Tensor,
        start: Start,
        watch: Watcher | None = None,
    ) -> Tensor:
        times = self.times(denoiser.process)
        seen = times if watch is not None else times[[0, -1]]
        if denoiser.labels is None:
            path, data = self._in_blocks(denoiser, index, start, seen)
        else:
            path, data = self._alone(denoiser, index, start, seen)
        if watch is not None:
            for number, (t, x) in enumerate(zip(times, path, strict=True)):
                watch(number, t, x)
            watch(len(times), torch.zeros_like(times[0]), data)
        return data

    def _in_blocks(
        self, denoiser: Denoiser, index: Tensor, start: Start, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Every block that an index falls into, whole; of these the rows asked for."""
        home = index // self.block
        blocks, place = torch.unique(home, return_inverse=True)
        offsets = torch.arange(self.block, device=index.device)
        solved = [
            self._solve(denoiser, start(first * self.block + offsets), seen)
            for first in blocks
        ]
        rows = place * self.block + (index - home * self.block)
        path = torch.cat([states for states, _ in solved], dim=1)
        return path[:, rows], torch.cat([data for _, data in solved])[rows]

    def _alone(
        self, denoiser: Denoiser, index: Tensor, start: Start, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Each sample by itself, with its own label."""
        solved = [
            self._solve(conditioned, x, seen)
            for conditioned, x in _rows(denoiser, start(index))
        ]
        path = torch.cat([states for states, _ in solved], dim=1)
        return path, torch.cat([data for _, data in solved])

    def _solve(self, denoiser: Denoiser, x: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """The states of one block at the times, and its data: (n, m, *D), (m, *D)."""
        path = self._path(denoiser, x, times)
        self._calls += 1
        self._blocks += 1
        return path, self.last(denoiser, path[-1], times[-1].to(x.device))

    def _path(self, denoiser: Denoiser, x: Tensor, times: Tensor) -> Tensor:
        """The states at all times, from the one at the first.

        Shapes:
            x: (m, *D), times: (n,) -> (n, m, *D)

        Raises:
            RuntimeError: the solver found no step short enough, or took too many; or the
                network's answer is not finite.
        """
        calls = 0

        def velocity(time: float, flat: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > self.limit:
                raise RuntimeError(
                    f"the solver has come to t = {time:g} after {self.limit} evaluations,"
                    " its limit: raise rtol, atol or limit, or look at the network"
                )
            t = torch.tensor(time, dtype=torch.float64, device=x.device)
            state = torch.from_numpy(flat).to(x.device).reshape(x.shape)
            # The network works in the precision of the noise, the solver in float64.
            eps_hat = self.estimates(denoiser, state.to(x.dtype), t)[1].to(torch.float64)
            moving = slope(denoiser.process, state, eps_hat, t)
            # The solver would look for a step short enough for ever.
            if not bool(moving.isfinite().all()):
                raise RuntimeError(f"the network's answer at t = {time:g} is not finite")
            return moving.flatten().cpu().numpy()

        from scipy.integrate import solve_ivp  # a third of a second, for this sampler alone

        found = solve_ivp(
            velocity,
            (float(times[0]), float(times[-1])),
            x.to(torch.float64).flatten().cpu().numpy(),
            method=self.method,
            t_eval=times.tolist(),
            rtol=self.rtol,
            atol=self.atol,
        )
        if not found.success:
            raise RuntimeError(f"the solver cannot keep its tolerance: {found.message}")
        self._calls += calls
        path = torch.from_numpy(found.y).T.reshape(-1, *x.shape)
        return path.to(x.device, x.dtype)


def _rows(denoiser: Denoiser, x: Tensor) -> list[tuple[Denoiser, Tensor]]:
    """Batches of one, each with the denoiser of its label."""
    labels = denoiser.labels
    conditioned = [
        denoiser if labels is None else denoiser.with_labels(labels[k : k + 1])
        for k in range(len(x))
    ]
    return list(zip(conditioned, x.split(1), strict=True))
