"""The times that a sampler visits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion.processes import Process, SubVariancePreserving, VarianceExploding
from snowmelt.diffusion.processes import VariancePreserving as VP
from snowmelt.diffusion.schedules import (
    Cosine,
    Geometric,
    Linear,
    NoiseSchedule,
    ZeroTerminal,
)
from snowmelt.sampling.samplers.grids import (
    Grid,
    Karras,
    Leading,
    LevelGrid,
    Linspace,
    LogSNR,
    Trailing,
)

CONF = Path(__file__).parents[3] / "conf"
GRIDS = sorted((CONF / "grid").glob("*.yaml"))
SCHEDULES = sorted((CONF / "schedule").glob("*.yaml"))
every_grid = pytest.mark.parametrize("file", GRIDS, ids=lambda file: file.stem)
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda file: file.stem)
COSINE = VP(Cosine())


def indices(grid: Grid, steps: int, chain_steps: int) -> list[int]:
    """The indices of the chain that a grid visits: whole numbers, to rounding."""
    found = grid.times(steps, COSINE) * chain_steps - 1
    torch.testing.assert_close(found, found.round(), rtol=0, atol=1e-9)
    return found.round().int().tolist()


def test_there_are_grids() -> None:
    names = {"trailing", "leading", "linspace", "karras", "log_snr"}
    assert names <= {file.stem for file in GRIDS}


@every_grid
@every_schedule
def test_times_fall_strictly_within_the_process(file: Path, schedule: Path) -> None:
    grid = build(OmegaConf.load(file), Grid)
    process = VP(build(OmegaConf.load(schedule), NoiseSchedule))
    if isinstance(grid, LevelGrid) and process.schedule.has_zero_terminal_snr:
        return
    for steps in (1, 2, 3, 7, 50, 999, 1000):
        times = grid.times(steps, process)
        assert times.dtype == torch.float64
        assert times.shape == (steps,)
        assert not times.requires_grad
        assert bool((times.diff() < 0).all())
        assert float(times[-1]) >= 0
        if isinstance(grid, Leading):
            assert float(times[-1]) == 1e-3
        else:
            assert float(times[0]) == 1


def test_trailing_starts_at_noise_and_ends_one_step_above_the_data() -> None:
    assert Trailing().times(1, COSINE).tolist() == [1.0]
    assert Trailing().times(4, COSINE).tolist() == [1.0, 0.75, 0.5, 0.25]
    assert indices(Trailing(), 10, 1000) == list(range(999, 0, -100))


def test_leading_as_it_is_known() -> None:
    assert indices(Leading(1000), 10, 1000) == list(range(900, -1, -100))
    # 1000 // 300 = 3: the upper tenth of the chain is never visited.
    assert indices(Leading(1000), 300, 1000) == list(range(897, -1, -3))
    assert indices(Leading(1000), 1, 1000) == [0]
    assert indices(Leading(7), 7, 7) == [6, 5, 4, 3, 2, 1, 0]


def test_linspace_visits_both_ends() -> None:
    assert indices(Linspace(1000), 10, 1000) == list(range(999, -1, -111))
    assert indices(Linspace(10), 5, 10) == [9, 7, 4, 2, 0]
    assert indices(Linspace(1000), 1, 1000) == [999]
    assert indices(Linspace(7), 7, 7) == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("kind", [Leading, Linspace])
def test_no_more_steps_than_the_chain_has(kind: type[Leading] | type[Linspace]) -> None:
    assert len(kind(50).times(50, COSINE)) == 50
    with pytest.raises(ValueError, match=r"steps must be at most chain_steps = 50.*got 51"):
        kind(50).times(51, COSINE)
    for wrong in (0, 2.5):
        with pytest.raises(ValueError, match="chain_steps must be a whole number"):
            kind(wrong)


@pytest.mark.parametrize("rho", [1.0, 7.0])
def test_the_levels_of_karras(rho: float) -> None:
    process, steps = VarianceExploding(Geometric(0.002, 80.0)), 18
    low, high = 0.002 ** (1 / rho), 80.0 ** (1 / rho)
    expected = [(high + i / (steps - 1) * (low - high)) ** rho for i in range(steps)]
    found = process.sigma(Karras(rho).times(steps, process))
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("process", [COSINE, SubVariancePreserving(Linear())])
def test_levels_are_those_of_the_process(process: Process) -> None:
    ends = process.log_snr(torch.tensor([1.0, 0.0], dtype=torch.float64))
    flat = process.log_snr(LogSNR().times(9, process))
    torch.testing.assert_close(flat, torch.linspace(*ends.tolist(), 9, dtype=torch.float64))
    roots = torch.exp(-process.log_snr(Karras(7).times(9, process)) / 14)
    first, last = torch.exp(-ends / 14).tolist()
    torch.testing.assert_close(roots, torch.linspace(first, last, 9, dtype=torch.float64))


@pytest.mark.parametrize("grid", [Karras(), LogSNR()])
def test_the_ends_are_met_exactly_even_where_the_inverse_rounds(grid: Grid) -> None:
    class Rounding(VP):
        def time(self, log_snr: Tensor) -> Tensor:
            return super().time(log_snr).clamp(1e-12, 1 - 1e-12)

    assert grid.times(5, Rounding(Cosine()))[[0, -1]].tolist() == [1.0, 0.0]
    assert grid.times(1, Rounding(Cosine())).tolist() == [1.0]


def test_a_large_rho_spaces_the_log_snr() -> None:
    found = [grid.times(12, COSINE) for grid in (Karras(1e6), LogSNR())]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("grid", [Karras(), LogSNR()])
def test_levels_without_end_are_refused(grid: Grid) -> None:
    process = VP(ZeroTerminal(Linear()))
    with pytest.raises(ValueError, match="infinite at zero terminal SNR"):
        grid.times(10, process)


@pytest.mark.parametrize("rho", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rho_that_is_no_root_is_refused(rho: float) -> None:
    with pytest.raises(ValueError, match="rho must be positive and finite, got"):
        Karras(rho)


def test_two_times_that_are_one_number_are_refused() -> None:
    class Stuck(LogSNR):
        def log_snr(self, share, first, last):
            return super().log_snr(share.clamp(0.2, 0.8), first, last)

    with pytest.raises(ValueError, match="steps=20 is too many for the Stuck grid"):
        Stuck().times(20, COSINE)
