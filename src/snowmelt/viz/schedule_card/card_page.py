"""The card of some configurations: what is measured, what is said, and the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.schedule_diagnostics import (
    ScheduleDiagnostics,
    schedule_diagnostics,
)
from snowmelt.pipeline.compatibility.issues import Finding
from snowmelt.pipeline.compatibility.training_rules import built_process
from snowmelt.pipeline.config.part_names import file_of
from snowmelt.viz.schedule_card.card_figure import Strip, card_figure
from snowmelt.viz.schedule_card.forward_strip import example, forward_strip, moments

ROWS = (
    "log-SNR at the data",
    "log-SNR at the noise",
    "terminal SNR",
    "prior KL, bits a dimension",
    "betas clipped (continuous: would be)",
    "steps lost to {precision}: here, in a table",
)


@dataclass(frozen=True)
class Card:
    """The card: a figure, and the same in words.

    Attributes:
        rows: the names of the numbers, and one text for each schedule.
        words: for each configuration what is refused and what is doubtful.
    """

    figure: Figure
    labels: tuple[str, ...]
    rows: dict[str, list[str]]
    words: dict[str, list[Finding]]

    def text(self) -> str:
        """The numbers as a table, and the words below it."""
        width = max(map(len, self.rows), default=0)
        columns = [max(12, len(label)) for label in self.labels]
        lines = [_line("", self.labels, width, columns)] if self.labels else []
        lines += [_line(name, row, width, columns) for name, row in self.rows.items()]
        for label, findings in self.words.items():
            lines += [f"{label}: {said(finding)}" for finding in findings]
        return "\n".join(lines)


def card(
    configs: Mapping[str, DictConfig], findings: Mapping[str, list[Finding]], root: Path
) -> Card:
    """The card of some configurations.

    One whose process cannot be built has words on the card and no curve.

    Args:
        configs: each under its label.
        findings: what is said about each.
    """
    first = next(iter(configs.values()))
    shown = example(first, root)
    measured, strips = [], []
    for label, config in configs.items():
        try:
            process = built_process(config)
            prediction = build(config["prediction"], Prediction)
        except UserError:
            continue
        steps, precision = int(config.sampler.steps), str(config.trainer.precision)
        measured.append(schedule_diagnostics(label, process, prediction, steps, precision))
        strips.append(Strip(label, forward_strip(process, shown.x_0)))
    rows = (
        {}
        if not measured
        else {
            name.format(precision=first.trainer.precision): [
                _numbers(one)[i] for one in measured
            ]
            for i, name in enumerate(ROWS)
        }
    )
    figure = card_figure(
        measured,
        strips,
        moments().tolist(),
        rows,
        {label: [said(finding) for finding in findings[label]] for label in configs},
        f"{_described(configs)}, strip of {shown.name}",
    )
    return Card(figure, tuple(one.label for one in measured), rows, dict(findings))


def said(finding: Finding) -> str:
    """A finding as a sentence that begins with how bad it is."""
    return f"{'refused' if finding.is_refused else 'doubtful'}: {finding}"


def label_of(config: DictConfig, root: Path) -> str:
    """The name of the file that says what the schedule says, else that of its class."""
    own = str(config.schedule["_target_"]).rpartition(".")[2]
    return file_of(config.schedule, "schedule", root) or own


def _numbers(one: ScheduleDiagnostics) -> list[str]:
    """The texts of `ROWS`."""
    is_zero = math.isinf(one.last_log_snr)
    terminal = "0" if is_zero else f"{math.exp(one.last_log_snr):.2g}"
    clipped = f"{one.clipped} of {one.table_steps}"
    if one.clipped is None:
        clipped = f"({one.would_be_clipped} of {one.table_steps})"
    return [
        f"{one.first_log_snr:.2f}",
        "-inf" if is_zero else f"{one.last_log_snr:.2f}",
        terminal,
        f"{one.prior_kl:.2g}",
        clipped,
        f"0, {one.lost} of {one.table_steps}",
    ]


def _described(configs: Mapping[str, DictConfig]) -> str:
    """The parts beside the schedule, each with all of its choices."""
    names = []
    for group in ("process", "prediction", "loss", "sampler"):
        classes = [str(c[group]["_target_"]).rpartition(".")[2] for c in configs.values()]
        names.append(f"{group} {' / '.join(dict.fromkeys(classes))}")
    steps = dict.fromkeys(str(config.sampler.steps) for config in configs.values())
    return f"{', '.join(names)} of {' / '.join(steps)} steps"


def _line(name: str, texts: Any, width: int, columns: list[int]) -> str:
    cells = [f"{text:>{size}}" for text, size in zip(texts, columns, strict=True)]
    return "  ".join((f"{name:<{width}}", *cells))
