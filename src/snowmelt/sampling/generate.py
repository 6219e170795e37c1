"""Draws the samples of a request into a folder.

Each sample is keyed by its index, so it does not depend on how batches and processes divide
the work, nor on how often the work was stopped and gone on with.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common.process_group import Group
from snowmelt.common.rank_reports import Reporter
from snowmelt.common.records import file_digests, write_record
from snowmelt.sampling import picture_arrays, sample_facts
from snowmelt.sampling.drawing import draw
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.sample_request import SampleRequest
from snowmelt.sampling.storage import image_files, shares
from snowmelt.sampling.storage.kept_samples import ARRAY, KeptSamples, Task, keeping, put
from snowmelt.training.evaluation_notes import noted

MARKER = "samples.json"


def generate(
    request: SampleRequest,
    target: Path,
    *,
    batch_size: int,
    device: torch.device,
    real: Tensor | None = None,
    stored: NDArray | None = None,
    kept: Path | None = None,
    png: int | Literal["all"] = 0,
) -> float | None:
    """Write samples.npy, its description and the arrays of its pictures, or nothing.

    Samples of classes come with labels.npy; of real examples that were completed the
    description says how far the samples are from them. See `picture_arrays` for the rest.
    The memory does not grow with the number of samples.

    Args:
        target: the folder to write.
        batch_size: how many samples a process draws at once.
        real: points of the data, in the model's units, if any are at hand: where the
            picture of the forward process starts.
        stored: examples of the data as they are stored, if any are at hand: what the
            samples' values are compared with.
        kept: a folder that keeps what was drawn when this is stopped or killed; None to
            begin anew the next time.
        png: how many of the first samples are written as PNG files, too.

    Returns:
        How many seconds the samples took, without their pictures: those of a command that
        went on are told from its own. None where it drew none, and of other processes than
        the first.

    Raises:
        UserError: the folder holds something else, or the samples cannot be drawn so.
        Stopped: this process was asked to stop; it says how many samples are kept.
    """
    generator, seconds = Generator.on(device, request), None
    with keeping(kept) as keeper:
        with Group() as group, group.directory(target, MARKER) as draft:
            task = _task(generator, keeper, group, draft)
            start = time.perf_counter()
            draw(generator, task, group, batch_size)
            group.wait()
            if group.rank == 0:
                put(task.place / ARRAY, draft / ARRAY)
                drawn = time.perf_counter()
                _complete(generator, draft, real, stored, png)
                print(_said(task, drawn - start, time.perf_counter() - drawn))
                if mine := shares.total(task.missing):
                    seconds = (drawn - start) * task.count / mine
        keeper.finished()
    return seconds


def _task(generator: Generator, keeper: KeptSamples, group: Group, draft: Path) -> Task:
    """What there is to draw, and where; the first process looks for all."""
    task = None
    if group.rank == 0:
        manifest, request = generator.manifest, generator.request
        shape = (request.num_samples, *manifest.shape)
        asked, otherwise = request.describe(), draft.with_name("drawing")
        task = keeper.opened(asked, manifest.dtype, shape, otherwise, group.world_size)
    task = group.from_first(task)
    assert task is not None
    return task


def _complete(
    generator: Generator,
    draft: Path,
    real: Tensor | None,
    stored: NDArray | None,
    png: int | Literal["all"],
) -> None:
    """Write what belongs to the samples in a folder, and the record last."""
    request, process = generator.request, generator.denoiser.process
    evaluations = request.guidance.evaluations(request.sampler, process)
    facts = sample_facts.found(generator, draft, stored)
    sample_facts.save_labels(generator, draft / "labels.npy")
    sample_facts.save_starts(generator, draft / "starts.npy")
    with noted(generator.denoiser.net, "paths and pictures of samples"):
        picture_arrays.save(generator, draft, real)
    if png:
        _write_images(generator, draft, None if png == "all" else png)
    digests = file_digests(draft)
    # A solver that counts as it goes has drawn the pictures at least.
    evaluations = evaluations or request.guidance.evaluations(request.sampler, process)
    said = request.describe() | {"evaluations": evaluations, "digest": digests[ARRAY]}
    write_record(draft / MARKER, said | facts | {"digests": digests})


def _write_images(generator: Generator, draft: Path, most: int | None) -> None:
    samples = np.load(draft / ARRAY, mmap_mode="r", allow_pickle=False)
    reporter, levels = Reporter(), generator.manifest.value_range
    assert levels is not None
    image_files.write(
        draft,
        samples[:most],
        levels,
        lambda: reporter.mark("writing PNG files", every=1.0),
    )


def _said(task: Task, seconds: float, shown: float) -> str:
    """How fast it was; a command that went on says what it has drawn itself."""
    drawn = shares.total(task.missing)
    of_all = "" if drawn == task.count else f" of {task.count}"
    took = f"{seconds:.1f} s ({drawn / max(seconds, 1e-9):.1f} a second)"
    return f"{drawn}{of_all} samples in {took}, their paths in {shown:.1f} s"
