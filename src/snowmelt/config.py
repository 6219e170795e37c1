"""Configuration: finding conf/, and composing it once.

`params.yaml` holds the usual choices, `conf/` the rest. `compose` puts both and the command
line together; what comes out has no interpolation left and is what every stage reads.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snowmelt.choices import (
    OPTIONAL,
    Choice,
    check_group,
    groups,
    key_of,
    merged_choices,
    swept_in,
    written_in,
)
from snowmelt.errors import UserError, did_you_mean

# Keys that no combination of parts depends on.
UNRELATED = ("seed=", "training.", "sample.", "evaluation.", "tracking", "paths.", "name=")


def project_root() -> Path:
    """The folder that holds conf/config.yaml.

    PROJECT_ROOT if it is set, else the nearest folder upwards from the working directory,
    else the folder of the sources.

    Raises:
        UserError: there is none.
    """
    named = os.environ.get("PROJECT_ROOT")
    here = Path.cwd()
    places = [Path(named)] if named else [here, *here.parents, Path(__file__).parents[2]]
    for place in places:
        if (place / "conf" / "config.yaml").is_file():
            return place.resolve()
    where = f"PROJECT_ROOT={named}" if named else f"{here} or above"
    raise UserError(f"no conf/config.yaml in {where}: run snowmelt inside its project")


def compose(
    root: Path, overrides: Sequence[str] = (), *, is_checked: bool = True
) -> DictConfig:
    """The fully resolved configuration.

    Args:
        root: the project's root, with conf/ and perhaps params.yaml.
        overrides: `key=value` in Hydra's grammar; they beat params.yaml.
        is_checked: whether parts that do not go together are refused.

    Raises:
        UserError: an unknown key or choice, a value of the wrong type, a file of conf/
            that does not compose, or a refused combination.
    """
    choices = merged_choices(root, overrides)
    known = groups(root)
    for choice in choices:
        if choice.parse().is_sweep_override():
            raise UserError(
                f"{choice.origin}: '{choice.text}' gives several values, which is a sweep:"
                " `snowmelt pipeline --multirun ...`"
            )
    chosen = [c for c in choices if key_of(c) in known]
    base = _hydra(root, [c.text for c in chosen])
    _check_files(root, chosen, known)
    for choice in choices:
        if choice not in chosen:
            _check_value(choice, base, known)
    composed = _hydra(root, [c.text for c in choices])
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the configuration does not resolve: {reason}") from error
    settled = frozen(plain)
    if is_checked:
        # It builds the parts, for which torch is needed; `--help` is not.
        from snowmelt.combinations import whole

        whole.check(settled)
    return settled


def frozen(plain: Any) -> DictConfig:
    """A read-only configuration in which a misspelt key raises."""
    config = OmegaConf.create(plain)
    OmegaConf.set_struct(config, True)
    OmegaConf.set_readonly(config, True)
    return config


def _hydra(root: Path, overrides: list[str]) -> DictConfig:
    try:
        with initialize_config_dir(str(root / "conf"), version_base="1.3"):
            return hydra_compose("config", overrides=overrides)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        reason = " ".join(str(error).split("\nSee ")[0].split())
        raise UserError(f"conf/ does not compose: {reason}") from error


def _check_files(root: Path, chosen: Sequence[Choice], known: Iterable[str]) -> None:
    """Refuse a key in an experiment or a sweep that conf/ without it does not have."""
    plain = [c.text for c in chosen if key_of(c) not in OPTIONAL]
    for choice in chosen:
        group = key_of(choice)
        if group in OPTIONAL:
            file = root / "conf" / group / f"{choice.parse().value()}.yaml"
            extra, keys = written_in(file)
            base = _hydra(root, [*plain, *extra])
            for key in keys:
                _check_value(key, base, known)


def _check_value(choice: Choice, base: DictConfig, known: Iterable[str]) -> None:
    """Refuse a key that is not in conf/ and a value of another type than there."""
    override = choice.parse()
    if override.is_add() or override.is_force_add() or override.is_delete():
        raise UserError(
            f"{choice.origin}: '{choice.text}': keys can be set, not added or removed"
        )
    key = str(override.key_or_group)
    plain: Any = OmegaConf.to_container(base, resolve=True)
    parent, parts = plain, key.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(parent, dict) or part not in parent:
            near = list(parent) if isinstance(parent, dict) else []
            near = near + list(known) if depth == 0 else near
            where = ".".join(parts[:depth])
            names = f" Known keys{f' of {where}' if where else ''}: {', '.join(near)}"
            raise UserError(
                f"{choice.origin}: unknown key '{key}'{did_you_mean(part, near)}.{names}"
            )
        parent = parent[part]
    _check_type(choice, key, parent, override.value())


def _check_type(choice: Choice, key: str, old: Any, new: Any) -> None:
    if isinstance(new, str) and "${" in new:
        return
    if old is None or type(new) is type(old):
        return
    if new is None and not isinstance(old, int):
        return
    if isinstance(old, float) and isinstance(new, int) and not isinstance(new, bool):
        return
    if isinstance(old, str) and isinstance(new, int | float):
        return
    raise UserError(
        f"{choice.origin}: {key} must be of the type {type(old).__name__} (now {old!r}),"
        f" got {new!r}"
    )


def load(path: Path) -> DictConfig:
    """Read a configuration that the stage compose wrote.

    Raises:
        UserError: the file is missing or not a configuration.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: run `snowmelt compose` (or `dvc repro`) first")
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(
            f"{path} is not valid YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(plain, dict) or "paths" not in plain:
        raise UserError(f"{path} is not a composed configuration: run `snowmelt compose`")
    return frozen(plain)


def without_sweeps(root: Path, overrides: Sequence[str]) -> list[str]:
    """The overrides that are the same for every job of a sweep, after a look at the rest.

    Raises:
        UserError: one of the values to sweep over is not a choice of its group, or its key
            is unknown.
    """
    known = groups(root)
    fixed = []
    for text in overrides:
        choice = Choice(text, "command line")
        override = choice.parse()
        if not override.is_sweep_override():
            fixed.append(text)
            continue
        for value in override.sweep_string_iterator():
            single = Choice(f"{override.key_or_group}={value}", choice.origin)
            check_group(single, known)
            if override.key_or_group not in known:
                compose(root, [single.text], is_checked=False)
    return fixed


def jobs(root: Path, overrides: Sequence[str]) -> dict[str, list[str]]:
    """Every job of a sweep: its overrides, under what it does not share with the others.

    A file of conf/sweep/ takes part; where the command line names one of its keys, that
    wins. Without a sweep there is one job, under an empty name.

    Raises:
        UserError: an override does not parse, or one of its values is not to be had.
    """
    fixed = without_sweeps(root, overrides)
    swept = {}
    for text in overrides:
        override = Choice(text, "command line").parse()
        if override.is_sweep_override():
            swept[str(override.key_or_group)] = text
    typed = {key_of(Choice(text, "command line")) for text in overrides}
    for text in fixed:
        name = Choice(text, "command line").parse().value()
        if text.startswith("sweep=") and isinstance(name, str):
            for key, values in swept_in(root / "conf" / "sweep" / f"{name}.yaml").items():
                if key not in typed:
                    swept[key] = f"{key}={values}"
    named: dict[str, list[str]] = {}
    for values in itertools.product(*(_each(text) for text in swept.values())):
        pairs = list(zip(swept, values, strict=True))
        known = groups(root)
        label = ", ".join(v if k in known else f"{k}={v}" for k, v in pairs)
        named[label] = [*fixed, *(f"{key}={value}" for key, value in pairs)]
    return named


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
