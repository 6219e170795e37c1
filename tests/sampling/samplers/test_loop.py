"""The one loop: what it asks of a sampler, and that batches change no sample."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import X0, Eps, V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, ZeroTerminal
from snowmelt.nets.unet import UNet
from snowmelt.sampling.samplers.constraint import Constraint
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.grids import Grid, Leading
from snowmelt.sampling.samplers.loop import descend, sample
from snowmelt.sampling.samplers.sampler import Memory, Sampler, WholePath
from snowmelt.sampling.samplers.thresholds import Clip

FILES = sorted((Path(__file__).parents[3] / "conf" / "sampler").glob("*.yaml"))
every_sampler = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
Make = Callable[..., Denoiser]


def built(file: Path, steps: int = 8) -> Sampler:
    return build({**OmegaConf.load(file), "steps": steps}, Sampler)


def knowing(make: Make, sampler: Sampler, process: Process | None = None) -> Denoiser:
    """The exact denoiser, with a share where the sampler asks for one."""
    return make(process, share=0.4 if sampler.needs_learned_variance else None)


def in_batches(draw: Callable[[Tensor], Tensor], count: int, size: int) -> Tensor:
    return torch.cat([draw(part) for part in torch.arange(count).split(size)])


def test_there_are_samplers() -> None:
    assert {"ddpm", "ddim", "euler_maruyama", "langevin"} <= {file.stem for file in FILES}


@every_sampler
def test_what_a_sampler_declares(file: Path) -> None:
    sampler, process = built(file), VariancePreserving(Cosine())
    assert sampler.order >= 1
    assert sampler.draws >= 0
    times = sampler.times(process)
    assert times.dtype == torch.float64
    assert times.shape == (8,)
    assert bool((times.diff() < 0).all())
    assert 0 <= float(times[-1]) < float(times[0]) == 1


@every_sampler
@pytest.mark.parametrize("shape", [(2,), (3, 5, 5)])
def test_a_batch_changes_no_bit_of_a_sample(
    file: Path, shape: tuple[int, ...], gaussian_denoiser: Make
) -> None:
    sampler = built(file, 4)
    denoiser = knowing(gaussian_denoiser, sampler)

    def draw(index: Tensor) -> Tensor:
        return sample(denoiser, sampler, index, shape, seed=5)

    whole = draw(torch.arange(9))
    assert whole.shape == (9, *shape)
    assert whole.dtype == torch.float32
    assert whole.isfinite().all()
    for size in (1, 4):
        assert torch.equal(in_batches(draw, 9, size), whole), size
    order = torch.tensor([8, 3, 3, 0])
    assert torch.equal(draw(order), whole[order])


@every_sampler
def test_a_batch_changes_no_sample_of_a_unet(file: Path) -> None:
    torch.manual_seed(0)
    sampler = built(file, 3)
    learned = sampler.needs_learned_variance
    net = UNet(
        (1, 8, 8),
        widths=[8, 16],
        blocks=1,
        attention=[False, True],
        embedding=16,
        outputs=2 if learned else 1,
    )
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V(), learned).eval()

    def draw(index: Tensor) -> Tensor:
        return sample(denoiser, sampler, index, (1, 8, 8), seed=1)

    whole = draw(torch.arange(4))
    for size in (1, 3):
        torch.testing.assert_close(in_batches(draw, 4, size), whole, rtol=1e-3, atol=1e-3)


@every_sampler
def test_seeds_and_indices_give_other_samples(file: Path, gaussian_denoiser: Make) -> None:
    sampler, index = built(file, 4), torch.arange(4)
    denoiser = knowing(gaussian_denoiser, sampler)
    first = sample(denoiser, sampler, index, (2,), seed=0)
    assert torch.equal(first, sample(denoiser, sampler, index, (2,), seed=0))
    for other in (
        sample(denoiser, sampler, index, (2,), seed=1),
        sample(denoiser, sampler, index + 4, (2,), seed=0),
    ):
        assert not (first == other).any()


@every_sampler
def test_the_declared_evaluations_are_those_that_are_made(
    file: Path, gaussian_denoiser: Make
) -> None:
    sampler = built(file, 5)
    denoiser = knowing(gaussian_denoiser, sampler)
    sample(denoiser, sampler, torch.arange(2), (2,), seed=0)
    assert sampler.evaluations == denoiser.net.calls


@every_sampler
def test_a_sampler_without_draws_is_deterministic(
    file: Path, gaussian_denoiser: Make
) -> None:
    sampler = built(file)
    denoiser = knowing(gaussian_denoiser, sampler)
    x, t, s = torch.ones(2, 3), torch.tensor(0.5).double(), torch.tensor(0.4).double()
    drawn = [torch.full((sampler.draws, 2, 3), value) for value in (0.0, 1.0)]
    found = [sampler.step(denoiser, x, t, s, noise, {}) for noise in drawn]
    assert torch.equal(*found) == (sampler.draws == 0)


@every_sampler
def test_zero_terminal_snr_is_refused_or_sampled(
    file: Path, gaussian_denoiser: Make
) -> None:
    sampler, process = built(file), VariancePreserving(ZeroTerminal(Linear()))
    share = 0.4 if sampler.needs_learned_variance else None
    denoiser = gaussian_denoiser(process, V(), share=share)
    index = torch.arange(3)
    if sampler.needs_finite_slope:
        with pytest.raises(ValueError, match=r"infinite at t = 1 .* zero terminal SNR"):
            sample(denoiser, sampler, index, (2,), seed=0)
    else:
        assert sample(denoiser, sampler, index, (2,), seed=0).isfinite().all()


def test_a_grid_that_starts_before_the_end_has_a_finite_slope() -> None:
    class Slope(Recorder):
        needs_finite_slope = True

    process = VariancePreserving(ZeroTerminal(Linear()))
    assert Slope(10, 0, Leading(1000)).times(process)[0] == pytest.approx(0.901)


class Recorder(Sampler):
    """Remembers each call and doubles the state."""

    order = 1

    def __init__(self, steps: int, draws: int, grid: Grid | None = None) -> None:
        super().__init__(steps, grid)
        self.draws = draws
        self.calls: list[tuple[Tensor, float, float | None, Tensor | None]] = []
        self.remembered: list[list[float]] = []

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        assert not torch.is_grad_enabled()
        assert t.shape == s.shape == ()
        self.calls.append((x_t.clone(), float(t), float(s), noise))
        self.remembered.append(memory.setdefault("times", []).copy())
        memory["times"].append(float(t))
        return 2 * x_t

    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        self.calls.append((x_t.clone(), float(t), None, None))
        return 100 * x_t


@pytest.mark.parametrize("draws", [0, 1, 3])
def test_what_the_loop_asks_for(draws: int, gaussian_denoiser: Make) -> None:
    recorder, index, seen = Recorder(4, draws), torch.tensor([3, 8]), []
    result = sample(
        gaussian_denoiser(),
        recorder,
        index,
        (5,),
        seed=2,
        watch=lambda step, t, x: seen.append((step, float(t), x.clone())),
    )
    start = normal((5,), seed=2, stream=Stream.SAMPLING_START, index=index)
    moves = [(t, s) for _, t, s, _ in recorder.calls]
    assert moves == [(1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, None)]
    for number, (x_t, _, _, noise) in enumerate(recorder.calls[:-1]):
        assert torch.equal(x_t, 2**number * start)
        assert noise.shape == (draws, 2, 5)
        for draw in range(draws):
            step = number * draws + draw
            drawn = normal(
                (5,), seed=2, stream=Stream.SAMPLING_STEP, index=index, step=step
            )
            assert torch.equal(noise[draw], drawn)
    assert recorder.remembered == [[], [1.0], [1.0, 0.75]]
    assert torch.equal(result, 100 * (8 * start))
    # A watcher sees the state before each step, and the result at time 0.
    places = [(0, 1.0), (1, 0.75), (2, 0.5), (3, 0.25), (4, 0.0)]
    assert [(step, t) for step, t, _ in seen] == places
    assert torch.equal(seen[0][2], start)
    assert torch.equal(seen[-1][2], result)


class Shifting(Constraint):
    """Adds one, and remembers what it was shown."""

    def __init__(self, resamples: int) -> None:
        self.resamples = resamples
        self.seen: list[tuple[Tensor, float, Tensor]] = []

    def impose(self, process: Process, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        self.seen.append((x_t.clone(), float(t), noise))
        return x_t + 1


@pytest.mark.parametrize("resamples", [1, 3])
def test_how_the_loop_holds_a_trajectory_to_a_constraint(
    resamples: int, gaussian_denoiser: Make
) -> None:
    denoiser, index, draws, seed = gaussian_denoiser(), torch.tensor([4, 1]), 2, 7
    recorder, constraint = Recorder(3, draws), Shifting(resamples)
    result = sample(denoiser, recorder, index, (3,), seed=seed, constraint=constraint)

    def noise(stream: Stream, step: int) -> Tensor:
        return normal((3,), seed=seed, stream=stream, index=index, step=step)

    times = torch.tensor([1, 2 / 3, 1 / 3], dtype=torch.float64)
    x, turn, before = noise(Stream.SAMPLING_START, 0), 0, []
    for t, s in itertools.pairwise(times):
        for again in range(resamples):
            x_t, *moved, drawn = recorder.calls[turn]
            assert torch.equal(x_t, x)
            assert moved == [float(t), float(s)]
            for k in range(draws):
                expected = noise(Stream.SAMPLING_STEP, turn * draws + k)
                assert torch.equal(drawn[k], expected)
            # A state that was noised again has no past; another goes on from its own.
            before = [] if again else before
            assert recorder.remembered[turn] == before
            before = [*before, float(t)]
            shown, at, fresh = constraint.seen[turn]
            assert torch.equal(shown, 2 * x)
            assert at == float(s)
            assert torch.equal(fresh, noise(Stream.CONSTRAINT, 2 * turn))
            x = 2 * x + 1
            if again + 1 < resamples:
                mean, variance = denoiser.process.transition(x, s, t)
                x = mean + variance.sqrt() * noise(Stream.CONSTRAINT, 2 * turn + 1)
            turn += 1
    assert turn == len(recorder.calls) - 1 == len(constraint.seen) - 1
    assert torch.equal(recorder.calls[-1][0], x)
    shown, at, fresh = constraint.seen[-1]
    assert torch.equal(shown, 100 * x)
    assert at == 0.0
    assert not fresh.any()
    assert torch.equal(result, 100 * x + 1)


def test_a_sampler_that_goes_its_own_way_takes_no_constraint(
    gaussian_denoiser: Make,
) -> None:
    class Jump(Recorder, WholePath):
        def integrate(
            self, denoiser: object, index: Tensor, start: object, watch: object = None
        ) -> Tensor:
            return start(index)

    denoiser, index = gaussian_denoiser(), torch.arange(3)
    found = sample(denoiser, Jump(2, 0), index, (2,), seed=4)
    assert torch.equal(
        found, normal((2,), seed=4, stream=Stream.SAMPLING_START, index=index)
    )
    with pytest.raises(ValueError, match="Jump chooses its own steps"):
        sample(denoiser, Jump(2, 0), index, (2,), seed=4, constraint=Shifting(1))


def test_a_single_step_is_one_estimate_from_noise(gaussian_denoiser: Make) -> None:
    denoiser, index = gaussian_denoiser(), torch.arange(3)
    start = normal((2,), seed=0, stream=Stream.SAMPLING_START, index=index)
    found = sample(denoiser, DDIM(1), index, (2,), seed=0)
    torch.testing.assert_close(found, denoiser.x_0(start, torch.tensor(1.0).double()))


def test_the_start_has_the_scale_of_the_prior(gaussian_denoiser: Make) -> None:
    class Wide(VariancePreserving):
        def prior_std(self) -> float:
            return 80.0

    recorder, index = Recorder(1, 0), torch.arange(3)
    sample(gaussian_denoiser(Wide(Cosine())), recorder, index, (2,), seed=0)
    start = normal((2,), seed=0, stream=Stream.SAMPLING_START, index=index)
    assert torch.equal(recorder.calls[0][0], 80 * start)


def test_a_grid_that_starts_before_the_end_starts_with_its_own_noise(
    gaussian_denoiser: Make,
) -> None:
    index, starts = torch.arange(3), []
    noise = normal((2,), seed=0, stream=Stream.SAMPLING_START, index=index)
    processes = [VarianceExploding(Geometric()), VariancePreserving(Cosine())]
    for process in processes:
        recorder = Recorder(2, 0, Leading(1000))
        sample(gaussian_denoiser(process), recorder, index, (2,), seed=0)
        starts.append(recorder.calls[0][0])
    sigma = float(processes[0].sigma(torch.tensor(0.501).double()))
    assert sigma < 0.05 * processes[0].prior_std()
    length = math.sqrt(1 + sigma**2) / math.sqrt(1 + processes[0].prior_std() ** -2)
    torch.testing.assert_close(starts[0], noise * length)
    torch.testing.assert_close(starts[1], noise)


def test_a_given_state_goes_down_in_its_own_precision(gaussian_denoiser: Make) -> None:
    denoiser, index = gaussian_denoiser(), torch.arange(3)
    start = normal((2,), seed=0, stream=Stream.SAMPLING_START, index=index)
    single = descend(denoiser, DDIM(6, eta=1.0), start, index=index, seed=0)
    double = descend(denoiser, DDIM(6, eta=1.0), start.double(), index=index, seed=0)
    assert double.dtype == torch.float64
    assert torch.equal(single, sample(denoiser, DDIM(6, eta=1.0), index, (2,), seed=0))
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=["linear", "cosine"])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_of_gaussian_data_are_gaussian(
    schedule: Linear | Cosine, eta: float, gaussian_denoiser: Make
) -> None:
    denoiser = gaussian_denoiser(VariancePreserving(schedule), Eps(), mean=0.3, std=0.6)
    count = 2000
    x = sample(denoiser, DDIM(100, eta), torch.arange(count), (2,), seed=3).double()
    # Five standard errors, and the bias of a hundred steps of the first order.
    assert x.mean(0).tolist() == pytest.approx([0.3] * 2, abs=3 / math.sqrt(count) + 0.02)
    assert x.std(0).tolist() == pytest.approx([0.6] * 2, abs=2.2 / math.sqrt(count) + 0.03)
    assert abs(float(torch.corrcoef(x.T)[0, 1])) < 5 / math.sqrt(count)


def test_the_threshold_leaves_the_noise_alone_where_it_cuts_nothing(
    gaussian_denoiser: Make,
) -> None:
    # At log-SNR 20 sigma is 5e-5: noise from a float32 state would be off by 1e-3.
    denoiser, t = gaussian_denoiser(std=0.1), torch.zeros((), dtype=torch.float64)
    x_t = torch.linspace(-0.5, 0.5, 9)[:, None]
    plain = DDIM(2).estimates(denoiser, x_t, t)
    cut = DDIM(2, threshold=Clip()).estimates(denoiser, x_t, t)
    assert torch.equal(plain[0], cut[0])
    assert torch.equal(plain[1], cut[1])


@pytest.mark.parametrize("prediction", [Eps(), X0(), V()], ids=["eps", "x_0", "v"])
def test_thresholded_estimates_still_add_up_to_the_state(
    prediction: Eps | X0 | V, gaussian_denoiser: Make
) -> None:
    for process in (VariancePreserving(Cosine()), VarianceExploding(Geometric())):
        denoiser = gaussian_denoiser(process, prediction, mean=0.0, std=3.0)
        for time in (0.01, 0.4, 0.9):
            t = torch.tensor(time, dtype=torch.float64)
            x_t = torch.linspace(-9, 9, 7, dtype=torch.float64)[:, None]
            x_0_hat, eps_hat = DDIM(2, threshold=Clip()).estimates(denoiser, x_t, t)
            assert x_0_hat.abs().max() <= 1
            alpha, sigma = denoiser.scales(x_t, t)
            torch.testing.assert_close(alpha * x_0_hat + sigma * eps_hat, x_t)


def test_a_sampler_of_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        Recorder(0, 0)
