"""The frozen request that decides a set of samples, and the identity that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.records import content_digest
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.sampling.enough_starts import starts_suffice
from snowmelt.sampling.given_examples import GivenExamples
from snowmelt.sampling.guidance.guidance import Conditioning, Guidance
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.settings import Precision
from snowmelt.training.checkpoint import Checkpoint, Weights


@dataclass(frozen=True)
class SampleRequest:
    """Everything that decides a set of samples, and nothing that does not.

    The device and the batch size change no sample and are not part of it.

    Attributes:
        checkpoint: of the model.
        checkpoint_digest: the SHA-256 of its file.
        sampler: the numerical method from noise to data.
        guidance: what conditions the samples beside the network.
        conditioning: what the guidance uses: classes, real examples.
        settings: how `sampler` and `guidance` are configured, under these two names.
        num_samples: those of the indices from 0 up to it.
        seed: of all noise.
        weights: the averaged ones or those of the last step.
        examples: the digest of the real examples, where the guidance completes some.
        precision: what numbers the network computes in.
        compile: whether the network is compiled.
        starts: where the ways to the samples begin, if not in normal noise.

    Raises:
        UserError: the guidance does not go with data, network or sampler.
    """

    checkpoint: Checkpoint
    checkpoint_digest: str
    sampler: Sampler
    guidance: Guidance
    conditioning: Conditioning
    settings: Mapping[str, Any]
    num_samples: int
    seed: int = 0
    weights: Weights = "ema"
    examples: str | None = None
    precision: Precision = "32-true"
    compile: bool = False
    starts: StartPoints | None = None

    def __post_init__(self) -> None:
        """Refuse a guidance that cannot be followed."""
        if self.starts is not None and not self.varies:
            starts = self.starts
            starts_suffice(self.num_samples, starts.sampled_count, starts.sampled)
        try:
            self.guidance.check(self.conditioning, self.sampler)
        except ValueError as error:
            raise UserError(f"guidance: {error}") from error

    @property
    def varies(self) -> bool:
        """Whether one start, or one measurement, leads to several samples."""
        return self.starts is None or self.starts.noise_std > 0 or self.sampler.draws > 0

    @property
    def given(self) -> GivenExamples | None:
        """The held-out images that samples answer to; None where they answer to none."""
        is_training = self.starts is not None and self.starts.sampled == "training"
        if is_training or len(self.conditioning.shape) != 3:
            return None
        return GivenExamples.of(
            self.guidance, self.conditioning, self.starts, self.seed, self.varies
        )

    def describe(self) -> dict[str, Any]:
        """How the samples are drawn, ready for JSON, and their identity first of all."""
        checkpoint: dict[str, Any] = {
            "identity": self.checkpoint.identity,
            "step": self.checkpoint.step,
            "weights": self.weights,
            "sha256": self.checkpoint_digest,
        }
        checkpoint |= self.checkpoint.clock_facts
        start = self.starts and {"start": self.starts.data.manifest.digest}
        if self.starts is not None and self.starts.sampled != "held_out":
            start = {**(start or {}), "starts": self.starts.sampled}
        settings = {
            "checkpoint": checkpoint,
            "sampler": _in_order(self.settings["sampler"]),
            "guidance": _in_order(self.settings["guidance"]),
            "examples": self.examples,
            "num_samples": self.num_samples,
            "seed": self.seed,
            **(start or {}),
            # They decide how numbers are rounded.
            "precision": self.precision,
            "compile": self.compile,
        }
        is_image = self.checkpoint.manifest.levels is not None
        degraded = {}
        if self.starts is not None and self.starts.are_the_datas_own:
            degraded["degraded_by"] = _in_order(self.starts.data.manifest.config["by"])
        return {
            "identity": content_digest(settings),
            **settings,
            # Follows from the checkpoint, so it names no other samples.
            "data": self.checkpoint.manifest.digest,
            **degraded,
            "quantiser": "rounded to the nearest level" if is_image else None,
        }


def _in_order(value: Any) -> Any:
    """The same with sorted keys, as in a configuration that was written to a file."""
    if not isinstance(value, Mapping):
        return value
    return {key: _in_order(value[key]) for key in sorted(value)}
