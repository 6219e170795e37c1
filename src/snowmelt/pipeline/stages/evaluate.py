"""Stage evaluate: samples against real data, real data under the model, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from snowmelt.common.code_identity import code_digest
from snowmelt.common.csv_table import write_csv
from snowmelt.common.device import chosen_device
from snowmelt.common.errors import UserError, left_out_if_it_fails
from snowmelt.common.files import new_directory, require_ours, sha256, write_json
from snowmelt.common.instantiate import plain
from snowmelt.common.places import located
from snowmelt.common.process_group import Group
from snowmelt.common.records import content_digest
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.real_points import real_points
from snowmelt.densities.exact import Perturbable
from snowmelt.evaluation import (
    by_example,
    class_evaluation,
    evaluation_record,
    generated_samples,
    likelihood_evaluation,
    nearest_arrays,
    sample_evaluation,
    transport_evaluation,
    truth_evaluation,
)
from snowmelt.evaluation.catalogue import ranking
from snowmelt.evaluation.catalogue.readings import interval_of
from snowmelt.evaluation.ground_truth import score_error_table
from snowmelt.evaluation.likelihood import bound_table
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.plane import truth_arrays
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.evaluation.protocol import Evaluation
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.settings import EvaluationSettings, TruthSettings
from snowmelt.evaluation.summary import summary
from snowmelt.evaluation.transport.carried_samples import CarriedSamples
from snowmelt.pipeline import launch
from snowmelt.sampling.storage import sample_places
from snowmelt.tracking import Run, open_evaluation
from snowmelt.tracking.location import main_root
from snowmelt.training.checkpoint import Checkpoint, load

TABLES = {
    "likelihood": ("likelihood.csv", bound_table.COLUMNS),
    "truth": ("score_error.csv", score_error_table.COLUMNS),
    "by_class": ("by_class.csv", class_evaluation.COLUMNS),
}


def run(config: DictConfig, root: Path) -> Path:
    """Write metrics.json, tables beside it and arrays for pictures; returns the first.

    summary.json has the few numbers by which DVC compares experiments.
    likelihood.csv, score_error.csv and by_class.csv are always written: without anything to
    tell, their headings alone. Several processes share the work, and the first one writes.

    Args:
        config: reads `evaluation`, `likelihood`, the checkpoint and the device of `sample`
            and the paths; `data` and `features` only to refuse what is stale.

    Raises:
        UserError: an output of an earlier stage is missing or does not fit the others.
    """
    settings = EvaluationSettings.of(plain(config.evaluation))
    target = root / config.paths.reports / "metrics.json"
    if launch.wants_group(config):
        launch.run_group("evaluate", config, root)
        return target
    folder, origin = root / config.paths.samples, root / config.paths.prepared
    data = PreparedData.open(origin)
    data.check_made_from(config.data)
    verification = data.verify()
    source = root / config.paths.reference
    reference = Reference.open(source, data.manifest, plain(config.features))
    samples, description = generated_samples.read(folder, data.manifest, origin)
    arrays = root / config.paths.evaluation
    require_ours(arrays, truth_arrays.ARRAYS_OF)
    context = sample_evaluation.compared(
        samples, description, folder, data, reference, settings
    )
    checkpoint = description["checkpoint"]["identity"]
    tracked = open_evaluation(
        plain(config),
        root,
        samples=description["identity"],
        request=_request(config, root, description),
        checkpoint=checkpoint,
    )
    with Group() as group, tracked as run_of_samples:
        if group.rank == 0:
            kept = sample_places.folder_in(main_root(root))
            sample_places.forget(kept, description["identity"])
        # By the stage that depends on it: a training may come before there is one.
        run_of_samples.log_file(source / "reference.json", "reference")
        density = known_density(data.manifest, root)
        model = _Model(config, root, data, description["checkpoint"], density)
        with group.sharing():
            metrics = sample_evaluation.measure(context)
            likelihood = model.likelihood()
        if group.rank > 0:
            return target
        how = sample_evaluation.protocol(context, data.manifest, description)
        evaluations = {
            "likelihood": likelihood,
            "truth": model.score_error(settings.truth),
            "by_class": class_evaluation.measure(context, data.manifest.classes),
        }
        transport = model.transport(settings, context, description)
        measured: dict[str, Any] = dict(metrics)
        for evaluation in (*evaluations.values(), transport):
            measured |= evaluation.metrics
        measured["protocol"] = how
        verification.finish()
        measured |= _write_tables(target.parent, evaluations, run_of_samples)
        if transport.protocol:
            measured["transport"] = transport.protocol
            run_of_samples.log_params({"transport_protocol": transport.protocol})
        with new_directory(arrays, truth_arrays.ARRAYS_OF) as draft:
            _write_arrays(draft, context, model, evaluations["likelihood"], description)
            transport_evaluation.save(transport, draft)
            evaluation_record.write(
                draft,
                made_from=evaluation_record.made_from(
                    data.manifest, description, reference.folder
                ),
                metrics=measured,
                tables=[target.with_name(file) for file, _ in TABLES.values()],
            )
        write_json(target, measured)
        write_json(target.with_name("summary.json"), summary(measured))
        run_of_samples.log_evaluation(target)
        if (main := ranking(measured)) is not None:
            named = {"main_metric": main.key, "main_metric_better": main.better}
            run_of_samples.set_tags(named)
            run_of_samples.log_metrics(interval_of(main.key, measured), of_model=True)
    return target


def _write_arrays(
    draft: Path,
    context: Context,
    model: _Model,
    likelihood: Evaluation,
    description: Mapping[str, Any],
) -> None:
    """Write what comparisons and pictures are made from."""
    by_example.save(draft, likelihood.by_example | by_example.of_samples(context))
    with left_out_if_it_fails("nearest"):
        nearest_arrays.save(context, draft)
    shown = model.of_points(description["seed"])
    if shown is not None:
        folder = model.root / model.config.paths.samples
        truth_arrays.save(shown, context.samples, folder, draft)


def _write_tables(
    reports: Path, evaluations: Mapping[str, Evaluation], tracked: Run
) -> dict[str, Any]:
    """Write a table for each evaluation; returns the protocols of those that were made."""
    protocols = {}
    for name, evaluation in evaluations.items():
        file, columns = TABLES[name]
        write_csv(reports / file, evaluation.rows, columns)
        if evaluation.protocol:
            protocols[name] = evaluation.protocol
            tracked.log_params({f"{name}_protocol": evaluation.protocol})
            tracked.log_file(reports / file, "evaluation")
    return protocols


def _request(config: DictConfig, root: Path, description: Mapping[str, Any]) -> str:
    """A digest of all that decides the numbers: the same again is the same evaluation."""
    decisive = {
        "samples": (description["identity"], description["digest"]),
        "reference": sha256(root / config.paths.reference / "reference.json"),
        "settings": plain(config.evaluation),
        "likelihood": plain(config.likelihood),
        "code": code_digest(evaluation_record.CODE),
    }
    return content_digest(decisive)


@dataclass(frozen=True)
class _Model:
    """The model that the samples came from, and the data that it is measured on.

    Attributes:
        sampled: what samples.json says of the checkpoint.
        density: the true one, where it is known.
    """

    config: DictConfig
    root: Path
    data: PreparedData
    sampled: dict[str, Any]
    density: Perturbable | None

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that the samples were drawn from.

        Raises:
            UserError: it is missing, or another one by now.
        """
        source = located(self.root, self.config.sample.checkpoint)
        checkpoint = load(source)
        if sha256(source) != self.sampled["sha256"]:
            raise UserError(
                f"{source} is not the checkpoint that the samples were drawn from: run"
                " `snowmelt sample` again"
            )
        return checkpoint

    @property
    def device(self) -> torch.device:
        return chosen_device(self.config.sample.device)

    def likelihood(self) -> Evaluation:
        """The likelihood of the held-out split."""
        section, weights = plain(self.config.likelihood), self.sampled["weights"]
        if section["bound"] is None and section["ode"] is None:
            return Evaluation()
        return likelihood_evaluation.measure(
            section, self.checkpoint, weights, self.data, self.device, self.density
        )

    def score_error(self, settings: TruthSettings) -> Evaluation:
        """The score against that of the density of the data, if that is known."""
        if self.density is None or not self.checkpoint.has_score:
            return Evaluation()
        weights = self.sampled["weights"]
        return truth_evaluation.measure(
            settings, self.checkpoint, weights, self.data, self.density, self.device
        )

    def transport(
        self, settings: EvaluationSettings, context: Context, said: Mapping[str, Any]
    ) -> Evaluation:
        """How well starts were carried; nothing of samples that begin with noise.

        Args:
            said: the content of samples.json.
        """
        if "start" not in said:
            return Evaluation()
        has_classes = context.drawn.labels is not None
        carried = CarriedSamples.of(
            context.samples, said, self.checkpoint, self.data, self.root, has_classes
        )
        device, seed = self.device, settings.seed
        return transport_evaluation.measure(settings.transport, carried, device, seed)

    def of_points(self, seed: int) -> PointModel | None:
        """The model for pictures of it; None of images.

        Numbers may be had without the checkpoint; then there are no pictures, and it is
        said.
        """
        if self.data.manifest.kind != "points":
            return None
        try:
            if not self.checkpoint.has_score:
                print("pictures of the model: left out, since this flow has no score")
                return None
            denoiser = self.checkpoint.denoiser(self.sampled["weights"]).to(self.device)
        except UserError as error:
            print(f"pictures of the model: left out, since {error}")
            return None
        manifest = self.checkpoint.manifest
        real = real_points(self.data.folder, manifest)
        return PointModel(denoiser, manifest, self.density, real, seed)
