"""The schedule card of some configurations: builds their parts and draws the card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.drafts import scratch_folder
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.predictions import Prediction
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue
from snowmelt.pipeline.compatibility.training_rules import built_process
from snowmelt.pipeline.config.part_names import file_of
from snowmelt.tracking.run import Run
from snowmelt.viz.schedule_card.card_page import Card, Entry, card
from snowmelt.viz.schedule_card.forward_strip import example
from snowmelt.viz.style import save_png

GROUPS = ("process", "prediction", "loss", "sampler")


def schedule_card(
    configs: Mapping[str, DictConfig],
    issues: Mapping[str, list[CompatibilityIssue]],
    root: Path,
) -> Card:
    """The card of some configurations.

    One whose process cannot be built has words on the card and no curve.

    Args:
        configs: each under its label.
    """
    first = next(iter(configs.values()))
    entries = {label: _entry(config, issues[label]) for label, config in configs.items()}
    return card(entries, example(root / first.paths.prepared, first.data))


def _entry(config: DictConfig, issues: list[CompatibilityIssue]) -> Entry:
    process = prediction = None
    try:
        prediction = build(config["prediction"], Prediction)
        process = built_process(config)
    except UserError:
        pass  # the issues say why
    return Entry(
        process=process,
        prediction=prediction,
        steps=int(config.sampler.steps),
        precision=str(config.trainer.precision),
        parts={group: class_name(config, group) for group in GROUPS},
        sentences=[sentence(issue) for issue in issues],
    )


def sentence(issue: CompatibilityIssue) -> str:
    """An issue as a sentence that begins with its severity."""
    return f"{'error' if issue.is_error else 'warning'}: {issue}"


def label_of(config: DictConfig, root: Path) -> str:
    """The name of the file that says what the schedule says, else that of its class."""
    own = class_name(config, "schedule")
    return file_of(config.schedule, "schedule", root) or own


def class_name(config: DictConfig, group: str) -> str:
    return str(config[group]["_target_"]).rpartition(".")[2]


def log_card(
    run: Run, config: DictConfig, issues: list[CompatibilityIssue], root: Path
) -> None:
    """Log the card of one configuration, as a picture and as text."""
    label = label_of(config, root)
    drawn = schedule_card({label: config}, {label: issues}, root)
    with scratch_folder() as folder:
        file = folder / "card.png"
        save_png(drawn.figure, file)
        run.log_file(file, "card")
    run.log_text("card/card.txt", f"{drawn.text()}\n")
