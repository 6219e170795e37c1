"""The jobs of a sweep: overrides with several values, taken apart and looked at."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.composition import compose
from snowmelt.pipeline.config.overrides import Choice, check_group, groups, key_of, swept_in

# Keys that no combination of parts depends on.
UNRELATED = ("seed=", "training.", "sample.", "evaluation.", "tracking", "paths.", "name=")


def without_sweeps(root: Path, overrides: Sequence[str]) -> list[str]:
    """The overrides that are the same for every job of a sweep, after a look at the rest.

    Raises:
        UserError: one of the values to sweep over is not a choice of its group, or its key
            is unknown.
    """
    known = groups(root)
    fixed, swept = [], {}
    for text in overrides:
        choice = Choice(text, "command line")
        override = choice.parse()
        if not override.is_sweep_override():
            fixed.append(text)
            continue
        key = str(override.key_or_group)
        swept[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        for single in swept[key]:
            check_group(Choice(single, choice.origin), known)
    # The keys of a part are those of the file that was chosen for it.
    chosen = [*fixed, *(singles[0] for key, singles in swept.items() if key in known)]
    for key, singles in swept.items():
        beside = chosen if key.partition(".")[0] in known else []
        for single in singles:
            if key not in known:
                compose(root, [*beside, single], is_checked=False)
    return fixed


def jobs(root: Path, overrides: Sequence[str]) -> dict[str, list[str]]:
    """Every job of a sweep: its overrides, under what it does not share with the others.

    A file of conf/sweep/ takes part; where the command line names one of its keys, that
    wins. Without a sweep there is one job, under an empty name.

    Raises:
        UserError: an override does not parse, or one of its values is not to be had.
    """
    fixed, known = without_sweeps(root, overrides), groups(root)
    typed = {key_of(Choice(text, "command line")): text for text in overrides}
    swept = {key: text for key, text in typed.items() if text not in fixed}
    for key, text in _of_file(root, typed.get("sweep", "")).items():
        if key not in typed:
            swept[key] = text
    named: dict[str, list[str]] = {}
    for job in itertools.product(*(_each(text) for text in swept.values())):
        pairs = list(zip(swept, job, strict=True))
        label = ", ".join(v if k in known else f"{k}={v}" for k, v in pairs)
        named[label] = [*fixed, *(f"{key}={value}" for key, value in pairs)]
    return named


def _of_file(root: Path, choice: str) -> dict[str, str]:
    """What the file that `sweep=NAME` names sweeps over, as overrides."""
    name = choice.partition("=")[2]
    if name in ("", "null"):
        return {}
    swept = swept_in(root / "conf" / "sweep" / f"{name}.yaml")
    return {key: f"{key}={values}" for key, values in swept.items()}


def _each(text: str) -> list[str]:
    """The values that an override gives, one or several."""
    override = Choice(text, "command line").parse()
    if override.is_sweep_override():
        return [str(value) for value in override.sweep_string_iterator()]
    return [text.partition("=")[2]]


def check_jobs(root: Path, overrides: Sequence[str]) -> None:
    """Refuse a sweep in which parts of some job do not go together.

    Only what the parts are made of is looked at: seeds and the like change nothing.

    Raises:
        UserError: it names the first such job.
    """
    seen = set()
    for label, job in jobs(root, overrides).items():
        about = tuple(text for text in job if not text.startswith(UNRELATED))
        if about in seen:
            continue
        seen.add(about)
        try:
            compose(root, job)
        except UserError as error:
            raise UserError(f"{label}: {error}" if label else str(error)) from error
