"""Compatibility rules of starts with their data: shapes, pairs, and how many there are.

What only the data can tell is looked at again when it is prepared, before the training:
`snowmelt.pipeline.before_training.prepared_starts`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build, class_of, plain
from snowmelt.common.places import located, takes_place
from snowmelt.data.prepared.row_split import RowSplit, why_unpaired
from snowmelt.data.sources.source import Source
from snowmelt.evaluation.settings import LEAST
from snowmelt.pipeline.compatibility import flow_rules
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused
from snowmelt.sampling.enough_starts import starts_suffice
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.pairs import Pairs, has_start

_NO_SETTINGS = ("name", "root", "scratch", "kept")  # of a source: they choose no examples


def issues(
    config: Mapping[str, Any], shape: tuple[int, ...] | None, root: Path
) -> list[CompatibilityIssue]:
    """The issues of starts, as far as they are known before anything is read.

    Args:
        shape: of one example of the data; None where nobody knows it yet.

    Raises:
        UserError: a part refuses its arguments.
    """
    if not has_start(config):
        return []
    found = flow_rules.start_issues(config, shape, root)
    splits = _split(config["data"], root), _split(config["start"].get("of"), root)
    return [*found, *_same(config, root), *_pairs(config, *splits)]


def check_sampled(config: Mapping[str, Any], root: Path) -> None:
    """Refuse more samples than there are starts, for who would draw them after a training.

    A training alone, or a prepare, needs no samples.

    Raises:
        UserError: there are fewer, as far as that is known before anything is read.
    """
    start, sample = config["start"], config["sample"]
    varies = start.get("noise_std") or build(config["sampler"], Sampler).draws
    if not has_start(config) or varies:
        return
    split = _split(start.get("of") or config["data"], root)
    if split is None:
        return
    count = split.held_out if sample["starts"] == "held_out" else split.train
    if count is not None:
        starts_suffice(sample["num_samples"], count, sample["starts"])


def check_measured(config: Mapping[str, Any]) -> None:
    """Refuse samples that a pipeline would draw, and then not measure.

    Raises:
        UserError: they begin at the starts of the training, or there is one alone.
    """
    part, count = config["sample"]["starts"], config["sample"]["num_samples"]
    if count < LEAST:
        raise UserError(
            f"sample.num_samples={count}: a pipeline measures its samples, and distances"
            f" need at least {LEAST}: draw more"
        )
    if part != "held_out":
        raise UserError(
            f"sample.starts={part}: a pipeline measures its samples, and those of starts"
            " that the model has seen are not measured: leave it out here, and draw pairs"
            f" for another flow afterwards by `snowmelt sample starts={part} out=DIR`"
        )


def _split(section: Any, root: Path) -> RowSplit | None:
    """The split of a source; None where it is refused, as the schema or prepare say."""
    try:
        return None if section is None else build(section, Source, root=root).row_split()
    except (UserError, OSError):
        return None


def _same(config: Mapping[str, Any], root: Path) -> list[CompatibilityIssue]:
    """The issue of starts that are the data once more."""
    data, start = plain(config["data"]), plain(config["start"]).get("of")
    if start is None or _settings(data, root) != _settings(start, root):
        return []
    takes_path = "path" in start and start["path"] is not None
    other = "another file by start.of.path=PATH" if takes_path else "another source"
    text = (
        f"the starts are the very examples of the data, {data['name']}, so nothing is to be"
        f" learnt: give {other}, or other classes by start.of.classes"
    )
    if "classes" not in inspect.signature(class_of(start, Source)).parameters:
        text = text.removesuffix(", or other classes by start.of.classes")
    return [refused(("start.of", "data"), text)]


def _settings(section: Mapping[str, Any], root: Path) -> tuple[type, dict[str, Any]]:
    """What decides the examples of a source, however it is written."""
    kind: type = class_of(section, Source)
    found = {
        name: section.get(name, parameter.default)
        for name, parameter in inspect.signature(kind).parameters.items()
        if name not in _NO_SETTINGS
    }
    for name, value in found.items():
        if isinstance(value, str) and takes_place(str(section["_target_"]), name):
            found[name] = located(root, value).resolve()
        if name == "classes" and isinstance(value, list):
            found[name] = sorted(map(str, value))
    return kind, found


def _pairs(
    config: Mapping[str, Any], data: RowSplit | None, start: RowSplit | None
) -> list[CompatibilityIssue]:
    """The issue of rows that cannot be pairs."""
    is_drawn = config["coupling"].get("samples") is not None
    is_paired = Pairs.of(config).coupling.is_paired and not is_drawn
    if not is_paired or data is None or start is None:
        return []
    reason = why_unpaired(data, start)
    return [] if reason is None else [refused(("coupling", "start.of", "data"), reason)]
