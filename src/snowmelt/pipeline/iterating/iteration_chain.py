"""The iterations of a fitting: what each is configured as, and where it works.

All lie below `multirun/iterations/<digest>`, named by what decides them but for how many
there are, so that the same command goes on and one of more iterations adds to them. Each
direction has its prepared data and its reference once; each iteration is a pipeline in a
folder of its own, `01`, `02` ..., whose configuration can be run again by hand. The pairs
that it draws for the next lie beside its outputs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.instantiate import plain
from snowmelt.common.records import content_digest
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.start_points import FOLDER as START
from snowmelt.pipeline.config.composition import frozen
from snowmelt.pipeline.config.iterate_settings import IterateSettings
from snowmelt.pipeline.sweep import job_identity
from snowmelt.pipeline.sweep.planned_jobs import FOLDER as MULTIRUN
from snowmelt.training.iterated_fitting import Iteration, planned
from snowmelt.training.pairs import has_start

FOLDER = "iterations"
PAIRS = "pairs"  # what an iteration draws for the next, in its folder
CHECKPOINT = "model.ckpt"
SEEDS = 1000  # between two iterations: seeds that people type lie closer together
_PAIRED = "snowmelt.couplings.Paired"


@dataclass(frozen=True)
class Chain:
    """The iterations of one fitting.

    Attributes:
        base: the configuration of the first one, as it was composed.
        root: the project's.
    """

    base: DictConfig
    root: Path

    @cached_property
    def settings(self) -> IterateSettings:
        return IterateSettings.of(plain(self.base.iterate))

    @cached_property
    def plan(self) -> list[Iteration]:
        return planned(self.settings.count, alternates=bool(self.settings.alternates))

    @cached_property
    def place(self) -> Path:
        """The folder of all, as the configuration names places."""
        own = self.settings.plain()
        del own["count"], own["reports"]
        digest = content_digest([job_identity.of_job(self.base, self.root), own])
        named = digest[: job_identity.LETTERS]
        return Path(str(self.base.paths.root)) / MULTIRUN / FOLDER / named

    def place_of(self, number: int) -> Path:
        """The folder of an iteration."""
        return self.place / f"{number:02d}"

    def direction(self, *, to_data: bool) -> DictConfig:
        """What the iterations of a direction have in common: their data and its reference.

        Back, data and starts change places. The noise of a bridge is that of one motion
        whichever way it is learnt, and is told in the unit of the data, which is another.
        """
        return frozen(self._direction(to_data, is_scaled=False))

    def config(self, iteration: Iteration) -> DictConfig:
        """The pipeline of an iteration; the data of its direction have to be prepared."""
        return frozen(self._config(iteration))

    def foreseen(self, iteration: Iteration) -> DictConfig:
        """The same before any data are prepared: the way back in the unit of the way there,
        and with as many samples.
        """
        return frozen(self._config(iteration, is_prepared=False))

    def pairs_config(self, iteration: Iteration) -> DictConfig:
        """What draws the pairs of an iteration that is trained."""
        config = self._config(iteration)
        config["paths"]["samples"] = str(self.place_of(iteration.number) / PAIRS)
        config["tracking"]["enabled"] = False
        # Of noise there is as much as one likes: a pair for each example.
        part, begun = ("training", START) if has_start(config) else ("held_out", "")
        count = self.settings.pairs or self._prepared(config, begun).train_count
        seed = config["sample"]["seed"] + SEEDS * iteration.number
        drawn = {"num_samples": count, "starts": part, "seed": seed, "png": 0}
        config["sample"] |= drawn
        return frozen(config)

    def _config(self, iteration: Iteration, *, is_prepared: bool = True) -> dict[str, Any]:
        config = self._direction(iteration.to_data, is_scaled=is_prepared)
        self._put(config, self.place_of(iteration.number), kept=("prepared", "reference"))
        config["seed"] += SEEDS * (iteration.number - 1)
        # What was asked for is of the way to the data.
        if is_prepared and not iteration.to_data:
            most = self._prepared(config, START).held_out_count
            count = min(config["sample"]["num_samples"], most)
            config["sample"] |= {"num_samples": count}
        if iteration.pairs is not None:
            samples = self.place_of(iteration.pairs) / PAIRS
            config["coupling"] = {"_target_": _PAIRED, "samples": str(samples)}
            config["training"]["start_from"] = None
        if iteration.before is not None:
            model = self._below(self.place_of(iteration.before), "model") / CHECKPOINT
            config["training"]["start_from"] = str(model)
            if self.settings.steps is not None:
                config["training"] |= {"steps": self.settings.steps, "minutes": None}
        return config

    def _direction(self, to_data: bool, *, is_scaled: bool) -> dict[str, Any]:
        config: dict[str, Any] = plain(self.base)
        self._put(config, self._shared(to_data))
        if to_data:
            return config
        there, back = config["data"], config["start"]["of"]
        config["data"], config["start"] = back, config["start"] | {"of": there}
        if is_scaled and "std" in config["interpolant"]:
            ratio = self._unit(to_data=True) / self._unit(to_data=False)
            std = config["interpolant"]["std"] * ratio
            config["interpolant"] = config["interpolant"] | {"std": std}
        return config

    def _put(self, config: dict[str, Any], place: Path, kept: tuple[str, ...] = ()) -> None:
        """Let a configuration work in a folder, but for some keys of `paths`."""
        for key in config["paths"]:
            if key not in kept:
                config["paths"][key] = str(self._below(place, key))
        checkpoint = Path(config["paths"]["model"]) / CHECKPOINT
        config["sample"] = config["sample"] | {"checkpoint": str(checkpoint)}

    def _below(self, place: Path, key: str) -> Path:
        """Where the places of a folder have what `paths` calls so."""
        paths = self.base.paths
        inside = os.path.relpath(self.root / str(paths[key]), self.root / str(paths.root))
        return place / inside

    def _shared(self, to_data: bool) -> Path:
        return self.place / ("to_data" if to_data else "to_start")

    def _prepared(self, config: dict[str, Any], inside: str) -> Manifest:
        """The manifest of the prepared data, or of what is inside its folder."""
        folder = self.root / config["paths"]["prepared"] / inside
        return PreparedData.open(folder).manifest

    def _unit(self, *, to_data: bool) -> float:
        """The length of the model's unit in that of the points; images have one of all."""
        prepared = self._below(self._shared(to_data), "prepared")
        return PreparedData.open(self.root / prepared).manifest.std or 1.0
