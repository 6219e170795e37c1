"""Renders the page of the report, section by section.

The same material gives the same bytes. Every text goes through the template's escaping,
since names of classes and files come from whoever made the data; and the page forbids
scripts and addresses to the browser, should anything ever slip through.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from snowmelt.evaluation import number_format
from snowmelt.evaluation.catalogue.readings import extractor_name, readings
from snowmelt.evaluation.protocol_sentence import protocol_sentence
from snowmelt.training.weight_sets import names
from snowmelt.viz.plots import image_grid
from snowmelt.viz.report import embedded_pictures, nested_tables, reverse_section
from snowmelt.viz.report.class_section import classes
from snowmelt.viz.report.ground_truth_section import sentences as truth_sentences
from snowmelt.viz.report.ground_truth_section import truth
from snowmelt.viz.report.headline import headline_sentences
from snowmelt.viz.report.likelihood_section import likelihoods
from snowmelt.viz.report.memorisation_section import memorisation
from snowmelt.viz.report.page_plots import plots
from snowmelt.viz.report.report_material import Array, Material
from snowmelt.viz.report.short_digests import short_digest
from snowmelt.viz.report.transport_section import transport
from snowmelt.viz.templates import templates

FEWEST_IMAGES = 18  # of each of the two grids, where there are as many
DVC_SAMPLES = "outputs/samples"  # where the stage of dvc.yaml leaves them


def render(material: Material) -> str:
    """The whole page as HTML."""
    environment = templates(Path(__file__).parent)
    environment.filters["number"] = number_format.number
    environment.filters["text"] = nested_tables.text
    environment.filters["digest"] = short_digest
    return environment.get_template("page.html").render(**_sections(material))


def _sections(material: Material) -> dict[str, Any]:
    """The values that the template names."""
    known = readings(material.metrics)
    samples = material.samples
    seconds = samples.get("seconds")
    return {
        "name": material.name,
        "manifest": material.manifest,
        "identity": str(samples.get("identity", "")),
        "headline": known[:4],
        "sentences": [
            *headline_sentences(material.metrics, len(material.generated)),
            *truth_sentences(material.metrics),
            *_guided(samples, material.metrics.get("protocol") or {}),
        ],
        "completion": _embedded(material, "completion"),
        "answers": _embedded(material, "answers"),
        "plots": {
            name: embedded_pictures.inline_plot(figure, name, words)
            for name, figure, words in plots(material, known)
        },
        "grids": _grids(material),
        "animations": reverse_section.animations(material),
        "stills": reverse_section.stills(material),
        "behind": reverse_section.behind(material),
        "way": reverse_section.title(material),
        "kind_of_model": "flow" if material.is_flow else "diffusion model",
        # Plots on white turn dark with the page; pictures of the data never change.
        "turning": "" if material.is_images else "turning",
        "known": known,
        "has_spread": any(reading.spread for reading in known),
        "memorisation": memorisation(material),
        "classes": classes(material),
        "likelihoods": likelihoods(material.metrics),
        "has_two_models": {"bound", "ode"} <= set(material.metrics.get("likelihood") or {}),
        "truth": truth(material),
        "transport": transport(material),
        "protocol_sentence": protocol_sentence(material.metrics),
        "protocol": nested_tables.rows(material.metrics.get("protocol") or {}),
        "data": _data(material),
        "preview": _embedded(material, "preview"),
        "reference": _reference(material.reference),
        "extractor": extractor_name(material.metrics),
        "settings": nested_tables.settings(material.config),
        "cost": _cost(material),
        "is_timed": material.cost.seconds is not None,
        "provenance": _provenance(material),
        "seconds": number_format.duration(seconds) if seconds else "",
        "drawn_from": _drawn_from(samples.get("checkpoint") or {}),
        "samples_file": _samples_file(material),
        "made_by": _made_by(material),
        "num_samples": len(material.generated),
    }


def _guided(samples: Mapping[str, Any], protocol: Mapping[str, Any]) -> list[str]:
    """Sentences on samples that were not drawn freely, if they were not."""
    name = str((samples.get("guidance") or {}).get("_target_", "")).rpartition(".")[2]
    if name in ("", "Unguided"):
        return []
    said = [f"The samples were not drawn freely but guided ({name})."]
    if measured_as := protocol.get("measured_as"):
        said.append(f"They are {measured_as}.")
    if left_out := protocol.get("left_out"):
        said.append(f"Left out here: {left_out}.")
    error = samples.get("error_to_examples")
    if error is None:
        said.append("The distances measure that choice too.")
    else:
        said.append(
            f"From the examples themselves they are {number_format.number(error)} away"
            " (root mean square, in the data's own units)."
        )
    return [" ".join(said)]


def _drawn_from(checkpoint: Mapping[str, Any]) -> str:
    """Which weights of which step, as the end of a sentence."""
    if checkpoint.get("step") is None:
        return ""
    weights = names.said(str(checkpoint.get("weights")))
    drawn = f" from the {weights} weights at step {checkpoint['step']:,}".replace("  ", " ")
    if (seconds := checkpoint.get("training_seconds")) is None:
        return drawn
    trained = number_format.duration(seconds)
    return f"{drawn} (trained by the clock, {trained}: not repeatable to the byte)"


def _cost(material: Material) -> str:
    """What the training took: what was noted of it, else what the configuration says."""
    checkpoint = material.samples.get("checkpoint") or {}
    batch_size = (material.config.get("training") or {}).get("batch_size")
    noted = material.cost
    cost = replace(
        noted,
        weights=material.weights if noted.weights is None else noted.weights,
        steps=checkpoint.get("step") if noted.steps is None else noted.steps,
        batch_size=batch_size if noted.batch_size is None else noted.batch_size,
    )
    if cost.examples_seen is None:
        return cost.line
    passes = cost.examples_seen / material.manifest["train_count"]
    told = number_format.number(passes)
    return f"{cost.line} The examples seen are {told} passes through the data."


def _samples_file(material: Material) -> str:
    """Where the samples lie, for a command to copy."""
    return str(_samples_folder(material) / "samples.npy")


def _samples_folder(material: Material) -> PurePosixPath:
    paths = material.config.get("paths") or {}
    return PurePosixPath(str(paths.get("samples", DVC_SAMPLES)))


def _made_by(material: Material) -> str:
    """The command that writes there: DVC's stages write nowhere but where dvc.yaml says."""
    is_of_dvc = _samples_folder(material) == PurePosixPath(DVC_SAMPLES)
    return "make repro" if is_of_dvc else "snowmelt pipeline"


def shown(examples: Array) -> tuple[Array, int]:
    """As many images as fill half of the page in its width, and the columns of them."""
    within = image_grid.columns_within(image_grid.HALF_PIXELS, examples)
    columns = int(np.clip(within, 3, 10))
    rows = max(columns, math.ceil(FEWEST_IMAGES / columns))
    return examples[: columns * rows], columns


def pairs(material: Material) -> tuple[Array, Array, int]:
    """Real and generated images, equally many, and the columns to show them in."""
    generated, columns = shown(material.generated)
    count = min(len(generated), len(material.real))
    return np.asarray(material.real[:count]), np.asarray(generated[:count]), columns


def _grids(material: Material) -> list[tuple[str, str, int]]:
    """Title, address and count of the two grids of images."""
    if not material.is_images:
        return []
    real, generated, columns = pairs(material)
    value_range = material.manifest["value_range"]
    found = []
    for title, part in (("real", real), ("generated", generated)):
        picture = image_grid.image_grid(part, value_range, columns)
        picture = image_grid.no_wider(picture, image_grid.HALF_PIXELS)
        found.append((title, embedded_pictures.picture_address(picture), len(part)))
    return found


def _embedded(material: Material, name: str) -> str:
    """A stage's own picture."""
    content = material.pictures.get(name)
    return embedded_pictures.png_address(content) if content else ""


def _data(material: Material) -> dict[str, Any]:
    """The manifest, sorted into what the page shows of it."""
    manifest = material.manifest
    counts = manifest.get("class_counts") or {}
    split = nested_tables.rows(manifest.get("split") or {}, "split.")
    facts = {
        "name": manifest["name"],
        "kind": manifest["kind"],
        "examples": f"{manifest['count']:,}",
        "training split": f"{manifest['train_count']:,}",
        "held-out split": f"{manifest['held_out_count']:,}",
        "shape": " x ".join(str(size) for size in manifest["shape"]),
        "stored as": manifest["dtype"],
    }
    if material.is_images:
        low, high = manifest["value_range"]
        facts["values"] = f"{low} to {high}: {manifest['levels']} levels"
        facts["bits a value"] = nested_tables.text(manifest["bits"])
    else:
        facts["mean"] = nested_tables.text(manifest.get("mean"))
        facts["scale"] = nested_tables.text(manifest.get("std"))
    return {
        "facts": [*facts.items(), *split],
        "classes": [(str(key), f"{value:,}") for key, value in counts.items()],
        "skipped": manifest.get("skipped") or [],
        "notes": manifest.get("notes") or [],
        "digests": list((manifest.get("digests") or {}).items()),
        "most": nested_tables.MOST_ITEMS,
    }


def _reference(reference: Mapping[str, Any]) -> nested_tables.Rows:
    """Without what the configuration, the data and the metrics say already."""
    said = ("format", "features", "shape", "class_shares", "figures", "digests")
    kept = {key: value for key, value in reference.items() if key not in said}
    found = nested_tables.rows(kept)
    return [(key, value) for key, value in found if ".config." not in key]


def _provenance(material: Material) -> nested_tables.Rows:
    """What these samples are, by digests that anyone can compute again."""
    samples = material.samples
    checkpoint = samples.get("checkpoint") or {}
    facts = {
        "samples, identity": samples.get("identity"),
        "samples.npy, sha256": samples.get("digest"),
        "checkpoint, identity": checkpoint.get("identity"),
        "checkpoint, sha256": checkpoint.get("sha256"),
        "checkpoint, step": checkpoint.get("step"),
        "weights": checkpoint.get("weights"),
        "MLflow run": material.run_id,
    }
    return [(key, str(value)) for key, value in facts.items() if value is not None]
