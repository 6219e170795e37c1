"""Stage evaluate: samples against real data, real data under the model, and the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.csv_table import write_csv
from snowmelt.common.device import chosen_device
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_directory, require_ours, sha256, write_json
from snowmelt.common.instantiate import plain
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.real_points import real_points
from snowmelt.densities.exact import Perturbable
from snowmelt.evaluation import (
    generated_samples,
    likelihood_evaluation,
    sample_evaluation,
    truth_evaluation,
)
from snowmelt.evaluation.catalogue import ranking
from snowmelt.evaluation.ground_truth import score_error_table
from snowmelt.evaluation.likelihood import bound_table
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.plane import truth_arrays
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.evaluation.protocol import Evaluation
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.settings import EvaluationSettings, TruthSettings
from snowmelt.tracking import open_evaluation
from snowmelt.training.checkpoint import Checkpoint, load


def run(config: DictConfig, root: Path) -> Path:
    """Write metrics.json, two tables beside it and arrays for pictures; returns the first.

    likelihood.csv and score_error.csv are always written: without anything to tell, their
    headings alone.

    Args:
        config: reads `evaluation`, `likelihood`, the checkpoint and the device of `sample`
            and the paths; `data` only to refuse stale data.
        root: what the paths are relative to.

    Raises:
        UserError: an output of an earlier stage is missing or does not fit the others.
    """
    settings = EvaluationSettings.of(plain(config.evaluation))
    folder, origin = root / config.paths.samples, root / config.paths.prepared
    data = PreparedData.open(origin)
    data.check_made_from(config.data)
    samples, description = generated_samples.read(folder, data.manifest, origin)
    reference = Reference.open(root / config.paths.reference, data.manifest)
    target = root / config.paths.reports / "metrics.json"
    arrays = root / config.paths.evaluation
    require_ours(arrays, truth_arrays.ARRAYS_OF)
    checkpoint = description["checkpoint"]["identity"]
    tracked = open_evaluation(
        plain(config), root, samples=description["identity"], checkpoint=checkpoint
    )
    with tracked as run_of_samples:
        context = Context(samples, reference, settings, data.train_labels)
        metrics = sample_evaluation.measure(context)
        how = sample_evaluation.protocol(context, data.manifest, description)
        density = known_density(data.manifest, root)
        sampled = description["checkpoint"]
        found = likelihood(config, root, data, sampled, density)
        errors = score_error(config, root, data, sampled, density, settings.truth)
        measured = {**metrics, **found.metrics, **errors.metrics, "protocol": how}
        terms = target.with_name("likelihood.csv")
        write_csv(terms, found.rows, bound_table.COLUMNS)
        levels = target.with_name("score_error.csv")
        write_csv(levels, errors.rows, score_error_table.COLUMNS)
        if found.protocol:
            measured["likelihood"] = found.protocol
            run_of_samples.log_params({"likelihood_protocol": found.protocol})
            run_of_samples.log_file(terms, "evaluation")
        if errors.protocol:
            measured["truth"] = errors.protocol
            run_of_samples.log_params({"truth_protocol": errors.protocol})
            run_of_samples.log_file(levels, "evaluation")
        with new_directory(arrays, truth_arrays.ARRAYS_OF) as draft:
            said = {"samples_digest": description["digest"]}
            write_json(draft / truth_arrays.ARRAYS_OF, said)
            model = point_model(config, root, data, description, density)
            if model is not None:
                truth_arrays.save(model, samples, folder, draft)
        write_json(target, measured)
        run_of_samples.log_evaluation(target)
        if (main := ranking(measured)) is not None:
            run_of_samples.set_tags({"main_metric": main.key})
    return target


def likelihood(
    config: DictConfig,
    root: Path,
    data: PreparedData,
    sampled: dict[str, Any],
    density: Perturbable | None,
) -> Evaluation:
    """The likelihood of the held-out split under the checkpoint that was sampled.

    Args:
        sampled: what samples.json says of the checkpoint.
        density: the true one, where it is known.

    Raises:
        UserError: the checkpoint is another one by now, or what
            `likelihood_evaluation.measure` raises.
    """
    section = plain(config.likelihood)
    if section["bound"] is None and section["ode"] is None:
        return Evaluation()
    checkpoint = sampled_checkpoint(config, root, sampled)
    device = chosen_device(config.sample.device)
    weights = sampled["weights"]
    return likelihood_evaluation.measure(
        section, checkpoint, weights, data, device, density
    )


def score_error(
    config: DictConfig,
    root: Path,
    data: PreparedData,
    sampled: dict[str, Any],
    density: Perturbable | None,
    settings: TruthSettings,
) -> Evaluation:
    """The checkpoint that was sampled against the density of the data, if it is known.

    Args:
        sampled: what samples.json says of the checkpoint.
        density: the true one, where it is known.

    Raises:
        UserError: the checkpoint is another one by now, or what
            `truth_evaluation.measure` raises.
    """
    if density is None:
        return Evaluation()
    checkpoint = sampled_checkpoint(config, root, sampled)
    device = chosen_device(config.sample.device)
    weights = sampled["weights"]
    return truth_evaluation.measure(settings, checkpoint, weights, data, density, device)


def point_model(
    config: DictConfig,
    root: Path,
    data: PreparedData,
    samples: dict[str, Any],
    density: Perturbable | None,
) -> PointModel | None:
    """The model that the samples came from, for pictures of it; None of images.

    Numbers may be had without the checkpoint; then there are no pictures, and it is said.

    Args:
        samples: what samples.json says.
        density: the true one, where it is known.
    """
    if data.manifest.kind != "points":
        return None
    try:
        checkpoint = sampled_checkpoint(config, root, samples["checkpoint"])
    except UserError as error:
        print(f"pictures of the model: left out, since {error}")
        return None
    device, weights = chosen_device(config.sample.device), samples["checkpoint"]["weights"]
    denoiser = checkpoint.denoiser(weights).to(device)
    real = real_points(root / config.paths.prepared, checkpoint.manifest)
    return PointModel(denoiser, checkpoint.manifest, density, real, samples["seed"])


def sampled_checkpoint(
    config: DictConfig, root: Path, sampled: dict[str, Any]
) -> Checkpoint:
    """The checkpoint that the samples were drawn from.

    Raises:
        UserError: it is missing, or another one by now.
    """
    source = root / config.sample.checkpoint
    checkpoint = load(source)
    if sha256(source) != sampled["sha256"]:
        raise UserError(
            f"{source} is not the checkpoint that the samples were drawn from: run"
            " `snowmelt sample` again"
        )
    return checkpoint
