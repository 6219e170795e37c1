"""The jobs of a sweep: overrides with several values, expanded once for everyone.

All values of all keys are combined. Where keys belong together, as the steps to a sampler,
the lines of `multirun.jobs` say which: each has values of its own to combine.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException
from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import conf_files
from snowmelt.pipeline.config.composition import compose
from snowmelt.pipeline.config.overrides import (
    COMMAND_LINE,
    SourcedOverride,
    check_once,
    groups,
    key_of,
    swept_in,
)

# Keys that no combination of parts depends on.
UNRELATED = (
    "seed=", "training.", "sample.", "evaluation.", "tracking", "paths.", "name=",
    "multirun.",
)  # fmt: skip
LINES = "multirun.jobs"
# An override as Hydra reads it: spaces are within quotes, and the quotes stay.
_QUOTED = r"""'[^']*'|"[^"]*\""""
_WORD = rf"""(?:[^\s'"]|{_QUOTED})+"""
MOST_JOBS = 10_000  # of one sweep; a range of 10^9 would be listed for ever


def jobs(root: Path, overrides: Sequence[str]) -> dict[str, list[str]]:
    """Every job of a sweep: its overrides, under what it does not share with the others.

    Values are written in Hydra's grammar: `a,b`, `choice()`, `range()`, `glob()`. A file of
    conf/sweep/ takes part; where the command line names one of its keys, that wins. Without
    a sweep there is one job, under an empty name.

    Raises:
        UserError: an override does not parse, or its values cannot be listed.
    """
    known, texts = groups(root), given(root, overrides)
    lines = _lines(root, texts)
    together = {key for line in lines for key in line}
    named: dict[str, list[str]] = {}
    for line in lines or [{}]:
        own = line | texts
        values = [
            _each(text, known, LINES if key in line and key not in texts else COMMAND_LINE)
            for key, text in own.items()
        ]
        _check_count(math.prod(map(len, values)), "the values together give")
        swept = [
            key in together or len(some) > 1 for key, some in zip(own, values, strict=True)
        ]
        for job in itertools.product(*values):
            told = [text for text, is_told in zip(job, swept, strict=True) if is_told]
            named[_label(told, known)] = list(job)
        _check_count(len(named), "the values together give")
    return named


def given(root: Path, overrides: Sequence[str]) -> dict[str, str]:
    """What is typed, and what a file of conf/sweep/ goes through, by their keys.

    Raises:
        UserError: an override does not parse, or a key stands twice.
    """
    conf_files.check(root)
    texts = _texts([SourcedOverride(text, COMMAND_LINE) for text in overrides])
    if "sweep" in texts:
        texts = _of_file(root, texts["sweep"], groups(root)) | texts
    return texts


def values(root: Path, text: str) -> list[str]:
    """The values of an override that has several, as they would be typed.

    Raises:
        UserError: they cannot be listed.
    """
    each = _each(text, groups(root), COMMAND_LINE)
    return [one.partition("=")[2] for one in each]


def _texts(given: Sequence[SourcedOverride]) -> dict[str, str]:
    """Overrides by their keys, none of which stands twice."""
    check_once(given)
    return {key_of(choice): choice.text for choice in given}


def _label(told: Sequence[str], known: Mapping[str, list[str]]) -> str:
    pairs = [text.split("=", 1) for text in told]
    return ", ".join(v if k in known else f"{k}={v}" for k, v in pairs)


def _lines(root: Path, texts: Mapping[str, str]) -> list[dict[str, str]]:
    """The lines of `multirun.jobs`, each as overrides by their keys.

    Raises:
        UserError: a line is none of overrides, or sets what is of the whole sweep.
    """
    chosen = [text for key, text in texts.items() if key in ("sweep", LINES)]
    if not chosen:
        return []
    found = []
    for line in compose(root, chosen, is_checked=False).multirun.jobs:
        if re.search("['\"]", re.sub(_QUOTED, "", line)):
            raise UserError(f"{LINES}: '{line}': a quote is not closed")
        words = re.findall(_WORD, line)
        own = _texts([SourcedOverride(word, LINES) for word in words])
        if of_sweep := [key for key in own if key == "sweep" or key.startswith("multirun")]:
            raise UserError(f"{LINES}: '{line}': {of_sweep[0]} is of the whole sweep")
        found.append(own)
    return found


def _of_file(root: Path, text: str, known: Mapping[str, list[str]]) -> dict[str, str]:
    """What the file that `sweep=NAME` names sweeps over, as overrides."""
    override = SourcedOverride(text, COMMAND_LINE).parse()
    if override.is_sweep_override():
        raise UserError(f"command line: '{text}': name one sweep at a time")
    if override.value() not in known["sweep"]:
        return {}  # unset, or a name that `compose` refuses
    swept = swept_in(root / "conf" / "sweep" / f"{override.value()}.yaml")
    return {key: f"{key}={values}" for key, values in swept.items()}


def _each(text: str, known: Mapping[str, list[str]], origin: str) -> list[str]:
    """An override with several values as several; one with a single value as it stands."""
    override = SourcedOverride(text, origin).parse()
    if not override.is_sweep_override():
        return [text]
    if override.is_interval_sweep():
        raise UserError(
            f"{origin}: '{text}': values within an interval are looked for, which is a"
            " search of its own: `snowmelt pipeline --multirun ...`"
        )
    key, swept = override.get_key_element(), override.value()
    try:
        if isinstance(swept, Glob):
            values = swept.filter(known.get(key, []))
        else:
            several = itertools.islice(override.sweep_string_iterator(), MOST_JOBS + 1)
            values = [str(value) for value in several]
    except HydraException as error:
        raise UserError(f"{origin}: '{text}': {error}") from error
    if not values:
        raise UserError(f"{origin}: '{text}' matches nothing")
    _check_count(len(values), f"'{text}' gives")
    return [f"{key}={value}" for value in values]


def _check_count(jobs: int, what: str) -> None:
    if jobs > MOST_JOBS:
        raise UserError(
            f"command line: {what} more than {MOST_JOBS:,} jobs, of which each is a"
            " pipeline: give fewer values"
        )


def composed(root: Path, jobs: Mapping[str, Sequence[str]]) -> list[DictConfig]:
    """The configuration of every job, each of them looked at before the first one runs.

    Combinations of parts are checked once for all seeds and the like, which change nothing.

    Raises:
        UserError: a value is not to be had, or the parts of a job do not go together; then
            the message names the first such job.
    """
    from snowmelt.pipeline.compatibility import (
        configuration_rules,
        issues,
        shape_rules,
        start_rules,
    )

    configs = [compose(root, job, is_checked=False) for job in jobs.values()]
    seen = set()
    for (label, job), config in zip(jobs.items(), configs, strict=True):
        about = tuple(text for text in job if not text.startswith(UNRELATED))
        if about in seen:
            continue
        seen.add(about)
        try:
            shape = shape_rules.shape_of(config.data, root)
            configuration_rules.check(config, shape, label)
            shape_rules.check(config, shape)
            issues.settle(start_rules.issues(config, shape, root))
            start_rules.check_sampled(config, root)
            start_rules.check_measured(config)
        except UserError as error:
            raise UserError(f"{label}: {error}" if label else str(error)) from error
    return configs
