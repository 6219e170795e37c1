"""What the stage train reads: the keys, their defaults, bounds and meaning."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from snowmelt.common.places import Place
from snowmelt.common.section import Part, Section, Seed
from snowmelt.training.learning_rate import Decay

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
# Lightning has these too, which change the weights themselves.
_OF_WEIGHTS = ("bf16-true", "16-true", "64-true", "transformer-engine")
Auto = Literal["auto"]
ByDevice = Literal["bf16-on-gpu"]
# The keys of a trainer that may be found out on the machine.
OPEN = ("precision", "conv_precision", "compile", "threads")
_UNDECIDED = ("auto", "bf16-on-gpu")


_Decay = Annotated[float, Field(ge=0, lt=1)]
Decays = Annotated[tuple[_Decay, ...], Field(strict=False, max_length=16)]
_Length = Annotated[float, Field(ge=0.001, le=0.28)]
Lengths = Annotated[tuple[_Length, ...], Field(strict=False, min_length=1, max_length=4)]


class DenoiserSettings(Section):
    """The section `denoiser`: what the network answers to beside the noise level."""

    key: ClassVar[str] = "denoiser"
    learned_variance: bool = Field(
        False,
        description="The network answers the variance of a step too; needs loss=hybrid and"
        " sampler=ddpm_learned.",
    )
    conditional: bool = Field(
        False,
        description="Condition the network on the class of an example; guidance needs it.",
    )
    p_uncond: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Probability of training an example with the null class, if"
        " conditional.",
    )
    with_score: bool = Field(
        False,
        description="The network answers the score of a flow too, where the interpolant has"
        " noise on the way: [SF]2M. With it sampler=euler_maruyama walks along the bridge.",
    )
    self_conditioned: bool = Field(
        False,
        description="The network sees its own estimate of the data from the evaluation"
        " before; in training from a first pass over the same example.",
    )
    p_self_conditioned: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Probability of training an example on the network's own estimate and"
        " not on zeros, if self_conditioned.",
    )


class EMASettings(Section):
    """The section `training.ema`: the average of the weights that is sampled from."""

    key: ClassVar[str] = "training.ema"
    decay: float = Field(0.998, ge=0, lt=1, description="Largest decay of the average.")
    warmup_power: float = Field(
        0.6667,
        gt=0,
        le=1,
        description="The decay at step k is min(decay, 1 - (1 + k)^-warmup_power).",
    )
    further: Decays = Field(
        (),
        description="Decays of further averages; sample.weights=ema_0.9 samples from one.",
    )
    snapshots: int = Field(
        0,
        ge=0,
        le=1000,
        description="Moments at which two averages of power-function profile are kept, for"
        " sample.weights=posthoc_0.05; 0 for none.",
    )
    tracked: Lengths = Field(
        (0.05, 0.1),
        description="Their lengths: deviation of the profile, as a share of the training.",
    )

    @field_validator("further", "tracked")
    @classmethod
    def _differ(cls, given: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if len({f"{one:g}" for one in given}) < len(given):
            kind = "decays" if info.field_name == "further" else "lengths"
            raise ValueError(f"must be different {kind}, to six digits")
        return given


class TrainingSettings(Section):
    """The section `training`: how long, how fast, and what is looked at on the way."""

    key: ClassVar[str] = "training"
    steps: int | None = Field(
        2400,
        ge=1,
        le=1_000_000_000,
        description="Optimiser steps; null where minutes end the training.",
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        validate_default=True,
        description="Minutes of training instead of steps; the weights cannot be repeated"
        " to the byte then.",
    )
    start_from: Place | None = Field(
        None,
        description="Checkpoint whose averaged weights the training starts from; optimiser,"
        " learning rate, steps and averages begin anew. null: from random weights.",
    )
    batch_size: int = Field(
        64, ge=1, le=1_000_000, description="Examples a step, over all processes together."
    )
    learning_rate: float = Field(
        2.0e-3, gt=0, le=10, description="Largest learning rate, at the end of the warm-up."
    )
    warmup_steps: int = Field(
        200,
        ge=0,
        le=1_000_000_000,
        description="Steps of linear warm-up of the learning rate; its decay follows.",
    )
    warmup_share: float = Field(
        0.08,
        ge=0,
        le=1,
        description="With minutes, the share of the time that the warm-up takes, instead of"
        " warmup_steps.",
    )
    decay: Decay = Field(
        "cosine", description="How the learning rate falls to zero after the warm-up."
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="Share of a weight, times the learning rate, taken off at each step.",
    )
    gradient_clip: float | None = Field(
        1.0, gt=0, le=1e6, description="Largest norm of the gradient; null for none."
    )
    ema: EMASettings = EMASettings()
    flip: bool = Field(
        False,
        description="Show each image mirrored, left for right, at half of the steps; what"
        " is measured and held out never is.",
    )
    log_every: int = Field(
        50, ge=1, le=1_000_000_000, description="Steps between two logged losses."
    )
    picture_every: int = Field(
        600,
        ge=1,
        le=1_000_000_000,
        description="Steps between two sample grids, and between two held-out losses.",
    )
    picture_share: float = Field(
        0.25,
        ge=0.001,
        le=1,
        description="With minutes, the share of the time between two of them, instead of"
        " picture_every.",
    )
    checkpoint_every: int = Field(
        200,
        ge=1,
        le=1_000_000_000,
        description="Steps between two saved states to resume from.",
    )

    @model_validator(mode="before")
    @classmethod
    def _minutes_alone(cls, values: Any) -> Any:
        """Let minutes that are given alone replace the default of the steps."""
        if isinstance(values, dict) and values.get("minutes") is not None:
            return {"steps": None, **values}
        return values

    @field_validator("minutes")
    @classmethod
    def _one_end(cls, minutes: float | None, info: ValidationInfo) -> float | None:
        steps = info.data.get("steps", ...)
        if steps is None and minutes is None:
            raise ValueError(
                "must be a positive number where training.steps is null: one of the two"
                " ends a training"
            )
        if minutes is not None and steps not in (None, ...):
            raise ValueError(
                f"must be null beside training.steps={steps}: one of the two ends a"
                " training, so set the other to null"
            )
        return minutes


class TrainerSettings(Section):
    """The section `trainer`: on what the training runs, and in what numbers."""

    key: ClassVar[str] = "trainer"
    accelerator: Accelerator = Field(
        "cpu", description="Kind of device; auto is a GPU where there is one."
    )
    processes: int = Field(
        1,
        ge=1,
        le=1024,
        description="Processes on this machine, one a GPU if there are GPUs.",
    )
    num_nodes: int = Field(
        1, ge=1, le=10_000, description="Machines; more than one needs torchrun on each."
    )
    accumulate: int = Field(
        1,
        ge=1,
        le=1_000_000,
        description="Parts in which a process takes its share of a step's batch, one after"
        " another: the same training in less memory.",
    )
    stall_seconds: float = Field(
        600.0,
        gt=0,
        le=1_000_000,
        description="Seconds without progress after which a group of processes that trains"
        " or samples is ended.",
    )
    max_restarts: int = Field(
        0,
        ge=0,
        le=1000,
        description="Times that a group of which a process died or hung is started again,"
        " from the last saved state; under torchrun its own --max-restarts says it.",
    )
    precision: Precision | ByDevice | Auto = Field(
        "32-true",
        description="Numbers that the network computes in; -mixed keeps weights,"
        " coefficients and loss in float32. bf16-on-gpu: bf16-mixed on a GPU that computes"
        " in bfloat16, else 32-true. auto: what is fastest on this machine, of 32-true and"
        " bf16-mixed.",
    )
    conv_precision: Literal["fp32", "bf16"] | Auto = Field(
        "fp32",
        description="Numbers inside the convolutions of a processor, where the rest is in"
        " float32; auto: the faster.",
    )
    compile: bool | Auto = Field(
        False,
        description="Compile the network (torch.compile), which needs a C++ compiler here"
        " and a schedule that is not learned: a word is said where it is left out. auto: if"
        " it is faster, and the training long enough to gain what compiling costs.",
    )
    threads: Annotated[int, Field(ge=1, le=4096)] | Auto | None = Field(
        None,
        description="Threads of a process; null leaves it to OMP_NUM_THREADS and torch."
        " auto: that, or the number of physical cores where it is smaller.",
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _leaves_the_weights(cls, precision: Any) -> Any:
        if isinstance(precision, str) and precision in _OF_WEIGHTS:
            raise ValueError(
                "must leave the weights and the noisy data in float32: use bf16-mixed,"
                " 16-mixed or 32-true"
            )
        return precision

    @property
    def is_open(self) -> bool:
        """Whether a key is left to be found out on the machine that trains."""
        return bool(self.open_keys)

    @property
    def open_keys(self) -> list[str]:
        """The keys that are left open."""
        return [key for key in OPEN if getattr(self, key) in _UNDECIDED]

    @property
    def needs_probe(self) -> bool:
        """Whether one of them takes a measurement, and not just a look at the device."""
        return any(getattr(self, key) == "auto" for key in OPEN)

    def without_probe(self) -> TrainerSettings:
        """Every open key at its default."""
        fields = type(self).model_fields
        return self.model_copy(update={key: fields[key].default for key in self.open_keys})


class FitSettings(Section):
    """Every section that the weights follow from; a checkpoint keeps them.

    Attributes:
        schedule, process, prediction, loss, time_sampling, net, optimizer, start, coupling,
            interpolant: parts to build.
    """

    model_config = ConfigDict(extra="ignore")
    seed: Seed
    schedule: Part
    process: Part
    prediction: Part
    loss: Part
    time_sampling: Part
    net: Part
    optimizer: Part = Field({"_target_": "snowmelt.optimizers.AdamW"})
    start: Part = Field({"_target_": "snowmelt.starts.Normal"})
    coupling: Part = Field({"_target_": "snowmelt.couplings.Independent"})
    interpolant: Part = Field({"_target_": "snowmelt.interpolants.Straight"})
    denoiser: DenoiserSettings = DenoiserSettings()
    training: TrainingSettings = TrainingSettings()
    trainer: TrainerSettings = TrainerSettings()
