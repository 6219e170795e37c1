"""The arrays that pictures of a set of samples are drawn from: how they came about.

| file | holds | of |
|---|---|---|
| trajectory.npz | `frames` (K, N, *D) as they are stored, `times` (K,) | all |
| completion.npz | `real` and, if anything was seen, `seen` (N, *D) | guided by examples |
| answers.npz | `given`, `real` where it is known, (M, *D); `answers` (M, K, *D) | images |
| forward.npz | the same as trajectory.npz, of real points that turn into noise | points |
| paths.npz | what `compared_paths` gives, by the learned score | points |
| steps.npz | what `step_errors` gives | points, by a flow that is no diffusion |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from snowmelt.common.array_files import write_arrays
from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.common.rank_reports import Reporter
from snowmelt.sampling.compared_paths import as_seen, compared_paths
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.given_examples import GivenExamples
from snowmelt.sampling.step_errors import step_errors
from snowmelt.sampling.trajectories import forward, visible_scale

FOLLOWED, MOMENTS = 8, 12  # images, and moments of their way
FOLLOWED_POINTS, FILM_MOMENTS = 4000, 48
FORWARD_POINTS = 2500
COMPLETED = 16  # images

Arrays = Mapping[str, NDArray]


@torch.no_grad()
def save(generator: Generator, draft: Path, real: Tensor | None = None) -> None:
    """Write the arrays of the pictures beside the samples.

    The samples are there already and may have taken hours. So an array that fails takes
    nothing with it; see `left_out_if_it_fails`.

    Args:
        draft: holds `samples.npy`.
        real: points of the data, in the model's units, if any are at hand.
    """
    generator = generator.uncompiled()  # other batches, and few
    wanted: dict[str, Callable[[], Arrays]] = {"trajectory": lambda: trajectory(generator)}
    if generator.request.guidance.needs_examples:
        wanted["completion"] = lambda: completion(generator)
    if (given := generator.request.given) is not None:
        wanted["answers"] = lambda: answers(generator, given)
    if generator.manifest.kind == "points":
        wanted["paths"] = lambda: compared_paths(
            generator.denoiser, generator.manifest, seed=generator.request.seed
        )
        if not generator.denoiser.has_score:
            wanted["steps"] = lambda: step_errors(
                generator.denoiser,
                generator.manifest,
                count=generator.request.num_samples,
                seed=generator.request.seed,
            )
            print("forward film: left out, since this flow does not begin with added noise")
        elif real is None:
            print("forward film: left out, since no real points are at hand")
        else:
            start = real[:FORWARD_POINTS]
            wanted["forward"] = lambda: forward_way(generator, start)
    with tqdm(wanted.items(), desc="trajectories", unit="array", leave=False) as bar:
        for name, arrays in bar:
            bar.set_postfix_str(name)
            with left_out_if_it_fails(name):
                if found := arrays():
                    write_arrays(draft / f"{name}.npz", found)


def trajectory(generator: Generator) -> Arrays:
    """The first samples at some moments of their way from noise."""
    is_image = generator.manifest.kind == "images"
    most, moments = (FOLLOWED, MOMENTS) if is_image else (FOLLOWED_POINTS, FILM_MOMENTS)
    steps = generator.request.sampler.steps
    chosen = set(np.linspace(0, steps, moments).round().astype(int).tolist())
    index = _first(generator, most)
    frames, times = [], []
    reporter = Reporter()

    def keep(step: int, t: Tensor, x: Tensor) -> None:
        reporter.mark("drawing paths", every=1.0)
        if step in chosen:
            scale = visible_scale(generator.denoiser.process, t)
            frames.append(generator.stored(x * scale))
            times.append(float(t))

    generator.draw(index, watch=keep)
    return {"frames": np.stack(frames), "times": np.array(times)}


def forward_way(generator: Generator, start: Tensor) -> Arrays:
    """Real points on their way to noise, each a Markov chain from moment to moment."""
    clock = torch.linspace(0.0, 1.0, FILM_MOMENTS, dtype=torch.float64)
    process, manifest = generator.denoiser.process, generator.manifest
    seed = generator.request.seed
    way = forward(process, start.to(generator.device), clock, seed=seed)
    frames = as_seen(way, generator.denoiser, manifest)
    return {"frames": frames.astype(manifest.dtype), "times": clock.numpy()}


def completion(generator: Generator) -> Arrays:
    """Real examples, and what the guidance saw of them; the samples go with these."""
    is_image = generator.manifest.kind == "images"
    request = generator.request
    index = _first(generator, COMPLETED if is_image else FOLLOWED_POINTS)
    found = {"real": generator.stored(request.conditioning.real(index))}
    seen = request.guidance.seen(index, request.conditioning, seed=request.seed)
    return found if seen is None else found | {"seen": generator.stored(seen)}


def answers(generator: Generator, given: GivenExamples) -> Arrays:
    """The first images that are given, and several answers to each where these differ."""
    index = given.answered(generator.request.num_samples).to(generator.device)
    first = index[:, 0]
    drawn = [generator.draw(of_round) for of_round in index.T]
    found = {"given": generator.stored(given.seen(first)), "answers": np.stack(drawn, 1)}
    return (
        found
        if given.real is None
        else found | {"real": generator.stored(given.real(first))}
    )


def _first(generator: Generator, most: int) -> Tensor:
    count = min(most, generator.request.num_samples)
    return torch.arange(count, device=generator.device)
