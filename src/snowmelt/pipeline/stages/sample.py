"""sample: a checkpoint in, samples of the data's own type out."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from snowmelt import tracking
from snowmelt.common import distributed
from snowmelt.common.device import chosen_device
from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.instantiate import build, plain
from snowmelt.common.made_folders import is_inside
from snowmelt.common.places import located
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.real_points import real_points, stored_examples
from snowmelt.data.prepared.scaling import to_model
from snowmelt.data.prepared.start_points import Part, StartPoints
from snowmelt.pipeline import launch, saved_state
from snowmelt.pipeline.compatibility import sampling_rules
from snowmelt.sampling import network_numbers
from snowmelt.sampling.drawing_times import DrawingTimes
from snowmelt.sampling.generate import generate
from snowmelt.sampling.guidance.guidance import Conditioning, Guidance
from snowmelt.sampling.sample_request import SampleRequest
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.settings import SampleSettings
from snowmelt.sampling.storage import image_files, sample_places
from snowmelt.tracking.location import main_root
from snowmelt.training.checkpoint import Checkpoint, load


def run(config: DictConfig, root: Path) -> Path:
    """Draw samples, going on from those that an earlier run drew; returns the folder.

    Several processes share the work.

    Raises:
        UserError: the checkpoint or the configuration does not serve.
    """
    settings = SampleSettings.of(plain(config.sample))
    target = root / config.paths.samples
    if launch.wants_group(config):
        launch.run_group("sample", config, root)
        return target
    request = requested(config, settings, root)
    saved_state.forget(root, request.checkpoint.identity)
    device = chosen_device(settings.device)
    prepared, manifest = root / config.paths.prepared, request.checkpoint.manifest
    real = real_points(prepared, manifest)
    stored = stored_examples(prepared, manifest)
    with tracking.open_sampling(
        plain(config),
        root,
        checkpoint=request.checkpoint.identity,
        samples=request.describe()["identity"],
    ) as tracked:
        seconds = generate(
            request,
            target,
            batch_size=settings.batch_size,
            device=device,
            real=real,
            stored=stored,
            kept=sample_places.folder_in(main_root(root)),
            png=settings.png,
        )
        if seconds is not None:
            drawn = request.describe()["identity"]
            times_of(root).remember(drawn, request.num_samples, seconds)
        if distributed.rank() == 0:
            for file in sorted(target.iterdir()):
                tracked.log_file(file, "samples")
    return target


def times_of(root: Path) -> DrawingTimes:
    """What is known of how long samples took to draw."""
    return DrawingTimes(main_root(root) / ".snowmelt" / "drawn")


def check_named_checkpoint(config: DictConfig, root: Path) -> None:
    """Look at a checkpoint that the stages before this one do not make, before they run.

    Raises:
        UserError: it is missing, or does not go with the rest.
    """
    source = located(root, config.sample.checkpoint)
    if is_inside(source, root / config.paths.model):
        return
    if not source.exists():
        raise UserError(
            f"sample.checkpoint: {source} is missing: name a model.ckpt that `snowmelt"
            " train` wrote, or leave the key out to sample the model of this run"
        )
    _check_rules(config, load(source))


def requested(config: DictConfig, settings: SampleSettings, root: Path) -> SampleRequest:
    """What the configuration asks to draw.

    Args:
        config: reads `sampler`, `guidance`, and `paths.prepared` where examples are
            completed.
        settings: the section `sample`.

    Raises:
        UserError: the checkpoint is missing, or does not go with the rest.
    """
    source = located(root, settings.checkpoint)
    checkpoint = load(source)
    _check_rules(config, checkpoint)
    image_files.check(settings.png, checkpoint.manifest.shape)
    guidance = build(config.guidance, Guidance)
    prepared = root / config.paths.prepared
    starts, data = _starts(prepared, checkpoint, settings.starts), None
    if guidance.needs_examples or (starts is not None and starts.are_the_datas_own):
        data = _data(prepared, checkpoint)
    examples = data.manifest.digests[data.manifest.array_file] if data else None
    return SampleRequest(
        checkpoint=checkpoint,
        checkpoint_digest=sha256(source),
        sampler=build(config.sampler, Sampler),
        guidance=guidance,
        conditioning=_conditioning(checkpoint, data),
        settings={"sampler": plain(config.sampler), "guidance": plain(config.guidance)},
        num_samples=settings.num_samples,
        seed=settings.seed,
        weights=settings.weights,
        examples=examples if guidance.needs_examples else None,
        precision=settings.precision,
        compile=settings.compile and _can_compile(),
        starts=starts,
    )


def _can_compile() -> bool:
    """Whether a network can be compiled here; if not, a word is said."""
    reason = network_numbers.why_not_compiled()
    if reason is not None and distributed.rank() == 0:
        print(f"sample: the network is not compiled: {reason}", file=sys.stderr)
    return reason is None


def _check_rules(config: DictConfig, checkpoint: Checkpoint) -> None:
    """Refuse a sampler or guidance that does not go with the checkpoint's training."""
    manifest = checkpoint.manifest
    sampling_rules.check(
        config,
        checkpoint.config,
        is_points=manifest.kind == "points",
        shape=tuple(manifest.shape),
    )


def _starts(folder: Path, checkpoint: Checkpoint, part: Part) -> StartPoints | None:
    """The starts of the training; None for one that begins with normal noise.

    Raises:
        UserError: they are missing, damaged or others, or noise is to have a training part.
    """
    if checkpoint.start is None:
        if part != "held_out":
            raise UserError(
                f"sample.starts={part}: this model begins with normal noise, of which no"
                " part is prepared: leave it out"
            )
        return None
    section = checkpoint.config.get("start")
    starts = StartPoints.open(folder, checkpoint.manifest, section)
    starts.data.verify().finish()
    if starts.data.manifest.digest != checkpoint.start.digest:
        raise UserError(
            f"the checkpoint begins with {checkpoint.start.name}, of which"
            f" {starts.data.folder} holds other examples: prepare the data that it was"
            " trained on"
        )
    return replace(starts, sampled=part)


def _data(folder: Path, checkpoint: Checkpoint) -> PreparedData:
    """The prepared data, whose held-out examples are completed.

    Raises:
        UserError: there is none, it is damaged or not like that of the training.
    """
    data, trained = PreparedData.open(folder), checkpoint.manifest
    data.verify().finish()
    here = data.manifest
    if (here.shape, here.value_range) != (trained.shape, trained.value_range):
        raise UserError(
            f"samples answer to examples of {folder}, of the shape {here.shape} and the"
            f" range {here.value_range}, but the checkpoint was trained on {trained.shape}"
            f" and {trained.value_range}: prepare the data that it was trained on"
        )
    return data


def _conditioning(checkpoint: Checkpoint, data: PreparedData | None) -> Conditioning:
    """What guidance can condition on: the classes of the training, and real examples."""
    manifest = checkpoint.manifest
    is_conditional = bool(checkpoint.config.get("denoiser", {}).get("conditional", False))

    def examples(index: Tensor) -> Tensor:
        """Held-out examples, from the first again after the last."""
        assert data is not None
        stored = data.held_out[(index % len(data.held_out)).cpu().numpy()]
        return to_model(torch.from_numpy(stored), manifest).to(index.device)

    return Conditioning(
        shape=tuple(manifest.shape),
        classes=manifest.classes if is_conditional else None,
        examples=None if data is None else examples,
        examples_count=None if data is None else len(data.held_out),
    )
