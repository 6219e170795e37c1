"""The samples of a flow together with all that their paths follow from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.guidance.guidance import Conditioning, Guidance
from snowmelt.sampling.sample_request import SampleRequest
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.checkpoint import Checkpoint
from snowmelt.training.couplings import Coupling


@dataclass(frozen=True, eq=False)
class CarriedSamples:
    """Samples of a checkpoint that begins with other data than noise.

    Attributes:
        samples: as they are stored, (N, *D).
        description: the content of samples.json.
        checkpoint: that they were drawn from.
        data: what they are compared with.
        starts: where they began.
        densities: of data and start in the model's units, where they are known.
        has_classes: whether classes were asked for.
    """

    samples: np.ndarray
    description: Mapping[str, Any]
    checkpoint: Checkpoint
    data: PreparedData
    starts: StartPoints
    densities: tuple[Perturbable | None, Perturbable | None] = (None, None)
    has_classes: bool = False

    @classmethod
    def of(
        cls,
        samples: np.ndarray,
        description: Mapping[str, Any],
        checkpoint: Checkpoint,
        data: PreparedData,
        root: Path,
        has_classes: bool,
    ) -> CarriedSamples:
        """Samples with the starts beside the data, and with what is known of both.

        Args:
            root: what the paths of pictures of densities are relative to.

        Raises:
            UserError: the starts are missing, damaged or others than the samples came from.
        """
        starts = StartPoints.open(
            data.folder, data.manifest, checkpoint.config.get("start")
        )
        starts.data.verify().finish()
        begun = starts.data.manifest
        if begun.digest != description["start"]:
            raise UserError(
                f"the samples began with other examples of {begun.name} than"
                f" {starts.data.folder} holds: run `snowmelt sample` again"
            )
        densities = (
            known_density(data.manifest, root),
            known_density(begun, root, scaled_by=data.manifest),
        )
        return cls(samples, description, checkpoint, data, starts, densities, has_classes)

    def generator(self, device: torch.device) -> Generator:
        """What draws the same samples again.

        Raises:
            UserError: a part of their description is refused.
        """
        manifest, said = self.checkpoint.manifest, self.description
        section = self.checkpoint.config.get("denoiser", {})
        classes = manifest.classes if section.get("conditional", False) else None
        request = SampleRequest(
            checkpoint=self.checkpoint,
            checkpoint_digest=said["checkpoint"]["sha256"],
            sampler=self.sampler,
            guidance=build(said["guidance"], Guidance),
            conditioning=Conditioning(shape=tuple(manifest.shape), classes=classes),
            settings={"sampler": said["sampler"], "guidance": said["guidance"]},
            num_samples=len(self.samples),
            seed=said["seed"],
            weights=said["checkpoint"]["weights"],
            precision=said.get("precision", "32-true"),
            starts=self.starts,
        )
        return Generator.on(device, request)

    @cached_property
    def sampler(self) -> Sampler:
        return build(self.description["sampler"], Sampler)

    @cached_property
    def coupling(self) -> Coupling:
        """Of the training."""
        return build(self.checkpoint.config["coupling"], Coupling)

    @cached_property
    def interpolant(self) -> Interpolant:
        """Of the training."""
        return build(self.checkpoint.config["interpolant"], Interpolant)

    @property
    def batch_size(self) -> int:
        """Of the training."""
        return int(self.checkpoint.config["training"]["batch_size"])

    @property
    def has_noise(self) -> bool:
        """Whether the sampler adds noise on the way."""
        return self.sampler.draws > 0

    @property
    def walks_bridge(self) -> bool:
        """Whether the sampler walks along a bridge with all its noise, and no more."""
        is_whole = self.description["sampler"].get("eta") == 1.0
        return self.has_noise and self.sampler.walks_bridges and is_whole

    @property
    def has_drawn_pairs(self) -> bool:
        """Whether the training learned from pairs of another flow, which nobody keeps."""
        return self.checkpoint.config["coupling"].get("samples") is not None

    @property
    def is_in_sets(self) -> bool:
        """Whether sets of the samples can be compared with sets of the data."""
        is_known = not self.has_classes and not self.has_drawn_pairs
        return self.data.manifest.kind == "points" and is_known
