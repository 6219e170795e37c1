"""The card of some configurations: diagnostics, issues and the figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.schedule_diagnostics import (
    ScheduleDiagnostics,
    schedule_diagnostics,
)
from snowmelt.viz.schedule_card.card_figure import card_figure
from snowmelt.viz.schedule_card.forward_strip import Example, forward_strip, moments


@dataclass(frozen=True)
class Entry:
    """One configuration on a card.

    Attributes:
        process, prediction: None for a process that cannot be built; such a configuration
            has sentences on the card and no curve.
        steps: of its sampler.
        precision: of its trainer, in Lightning's words.
        parts: the name of the class of each other part, by its group.
        sentences: the errors and warnings about it.
    """

    process: Process | None
    prediction: Prediction | None
    steps: int
    precision: str
    parts: Mapping[str, str]
    sentences: Sequence[str]


@dataclass(frozen=True)
class Card:
    """The card: a figure, and the same in words.

    Attributes:
        labels: of the configurations that have a curve.
        rows: the names of the numbers, and one text for each of `labels`.
        sentences: the errors and warnings about each configuration.
    """

    figure: Figure
    labels: tuple[str, ...]
    rows: dict[str, list[str]]
    sentences: dict[str, list[str]]

    def text(self) -> str:
        """The numbers as a table, and the words below it."""
        width = max(map(len, self.rows), default=0)
        columns = [max(12, len(label)) for label in self.labels]
        lines = [_line("", self.labels, width, columns)] if self.labels else []
        lines += [_line(name, row, width, columns) for name, row in self.rows.items()]
        for label, sentences in self.sentences.items():
            lines += [f"{label}: {sentence}" for sentence in sentences]
        return "\n".join(lines)


def card(entries: Mapping[str, Entry], shown: Example) -> Card:
    """The card of some configurations.

    Args:
        entries: each under its label.
        shown: the example that goes from data to noise on the card's strips.
    """
    measured, strips = [], []
    for label, entry in entries.items():
        process, prediction = entry.process, entry.prediction
        if process is None or prediction is None:
            continue
        measured.append(
            schedule_diagnostics(label, process, prediction, entry.steps, entry.precision)
        )
        strips.append(forward_strip(process, shown.x_0))
    precision = next(iter(entries.values())).precision
    numbers = [_numbers(one, precision) for one in measured]
    rows = {name: [texts[name] for texts in numbers] for name in (numbers or [{}])[0]}
    sentences = {label: list(entry.sentences) for label, entry in entries.items()}
    caption = f"{_described(list(entries.values()))}, strip of {shown.name}"
    figure = card_figure(measured, strips, moments().tolist(), rows, sentences, caption)
    return Card(figure, tuple(one.label for one in measured), rows, sentences)


def _numbers(one: ScheduleDiagnostics, precision: str) -> dict[str, str]:
    """The numbers of a schedule as texts, by their names."""
    is_zero = math.isinf(one.last_log_snr)
    steps = one.table_steps
    clipped = f"{one.clipped} of {steps}"
    if one.clipped is None:
        clipped = f"({one.would_be_clipped} of {steps})"
    return {
        "log-SNR at the data": f"{one.first_log_snr:.2f}",
        "log-SNR at the noise": "-inf" if is_zero else f"{one.last_log_snr:.2f}",
        "terminal SNR": "0" if is_zero else f"{math.exp(one.last_log_snr):.2g}",
        "prior KL, bits a dimension": f"{one.prior_kl:.2g}",
        "betas clipped (continuous: would be)": clipped,
        f"steps lost to {precision}: here, in a table": f"0, {one.lost} of {steps}",
    }


def _described(entries: Sequence[Entry]) -> str:
    """The parts beside the schedule, each with all of its choices."""
    names = []
    for group in entries[0].parts:
        classes = [entry.parts[group] for entry in entries]
        names.append(f"{group} {' / '.join(dict.fromkeys(classes))}")
    steps = dict.fromkeys(str(entry.steps) for entry in entries)
    return f"{', '.join(names)} of {' / '.join(steps)} steps"


def _line(name: str, texts: Sequence[str], width: int, columns: list[int]) -> str:
    cells = [f"{text:>{size}}" for text, size in zip(texts, columns, strict=True)]
    return "  ".join((f"{name:<{width}}", *cells))
