"""Configuration: finding conf/, and composing it once.

`params.yaml` holds the usual choices, `conf/` the rest, on top of the defaults that the
sections declare. `compose` puts all and the command line together; what comes out has no
interpolation left and is what every stage reads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.pipeline.config import environment_values, settings
from snowmelt.pipeline.config.overrides import (
    OPTIONAL,
    SourcedOverride,
    groups,
    key_of,
    merged_overrides,
    written_in,
)
from snowmelt.pipeline.config.read_places import check_data_apart


def project_root() -> Path:
    """The folder that holds conf/config.yaml.

    PROJECT_ROOT if it is set, else the nearest folder upwards from the working directory,
    else the folder of the sources.

    Raises:
        UserError: there is none, or DVC runs a stage of another project.
    """
    named = os.environ.get("PROJECT_ROOT")
    here = Path.cwd()
    places = [Path(named)] if named else [here, *here.parents, Path(__file__).parents[4]]
    for place in places:
        if (place / "conf" / "config.yaml").is_file():
            if named and "DVC_STAGE" in os.environ and not place.samefile(here):
                raise UserError(
                    f"PROJECT_ROOT={named}, but DVC runs the project in {here}: unset it"
                )
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
    choices = merged_overrides(root, overrides)
    known = groups(root)
    for choice in choices:
        if choice.parse().is_sweep_override():
            raise UserError(
                f"{choice.origin}: '{choice.text}' gives several values, which is a sweep:"
                " `snowmelt pipeline --multirun ...`"
            )
    environment_values.refuse_overrides(choices)
    chosen = [c for c in choices if key_of(c) in known]
    _check_files(root, chosen, known)
    _check_values(root, chosen, [c for c in choices if c not in chosen], known)
    composed = _hydra(root, [c.text for c in choices])
    texts: Any = OmegaConf.to_container(composed)
    environment_values.refuse("conf/", texts)
    try:
        plain: Any = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the configuration does not resolve: {reason}") from error
    settings.check("conf/", plain)
    plain["paths"] = {
        key: os.path.expanduser(place) if isinstance(place, str) else place
        for key, place in plain["paths"].items()
    }
    whole = with_named_parts(plain, root)
    environment_values.refuse("conf/", whole)
    settled = frozen(environment_values.withheld(whole, texts))
    check_data_apart(settled, root)
    if is_checked:
        # It builds the parts, for which torch is needed; `--help` is not.
        from snowmelt.pipeline.compatibility import configuration_rules

        configuration_rules.check(settled)
    return settled


def chosen_parts(root: Path, overrides: Sequence[str]) -> Any:
    """The configuration with the files that are chosen, before any key is set.

    Raises:
        UserError: an override does not parse, or chooses a file that is not there.
    """
    known = groups(root)
    choices = merged_overrides(root, overrides)
    return _resolved(_hydra(root, [c.text for c in choices if key_of(c) in known]))


def with_named_parts(plain: Any, root: Path) -> Any:
    """A part inside another of its group, named as that one is: `schedule.of=cosine`.

    Raises:
        UserError: there is no file of that name.
    """
    for group, names in groups(root).items():
        inner = plain[group].get("of") if isinstance(plain.get(group), dict) else None
        if isinstance(inner, str):
            if inner not in names:
                raise UserError(
                    f"{group}.of: unknown {group} '{inner}'{did_you_mean(inner, names)}."
                    f" Known: {', '.join(names)} (the files of conf/{group}/)"
                )
            part = OmegaConf.load(root / "conf" / group / f"{inner}.yaml")
            texts: Any = OmegaConf.to_container(part)
            environment_values.refuse(
                f"conf/{group}/{inner}.yaml", texts, key=f"{group}.of"
            )
            plain[group]["of"] = OmegaConf.to_container(part, resolve=True)
    return plain


def frozen(plain: Any) -> DictConfig:
    """A read-only configuration in which a misspelt key raises; texts are left as is."""
    config = OmegaConf.create(environment_values.literal(plain))
    OmegaConf.set_struct(config, True)
    OmegaConf.set_readonly(config, True)
    return config


def _hydra(root: Path, overrides: list[str]) -> DictConfig:
    settings.register()
    try:
        with initialize_config_dir(str(root / "conf"), version_base="1.3"):
            return hydra_compose("config", overrides=overrides)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        reason = " ".join(str(error).split("\nSee ")[0].split())
        raise UserError(f"conf/ does not compose: {reason}") from error


def _check_files(
    root: Path, chosen: Sequence[SourcedOverride], known: Iterable[str]
) -> None:
    """Refuse a key in an experiment or a sweep that conf/ without it does not have."""
    plain = [c.text for c in chosen if key_of(c) not in OPTIONAL]
    for choice in chosen:
        group = key_of(choice)
        if group in OPTIONAL:
            file = root / "conf" / group / f"{choice.parse().value()}.yaml"
            extra, keys = written_in(file)
            base = _resolved(_hydra(root, [*plain, *extra]))
            for key in keys:
                _check_value(key, base, known)


def _check_values(
    root: Path,
    chosen: Sequence[SourcedOverride],
    given: Sequence[SourcedOverride],
    known: Iterable[str],
) -> None:
    """Refuse wrong keys and values, against conf/ with the chosen files.

    What stands in conf/config.yaml itself is compared with that: composing takes a fifth of
    a second, which a card of six schedules would pay six times.
    """
    own = written(root)
    inside = [choice for choice in given if _is_plain(own, key_of(choice))]
    for choice in inside:
        _check_value(choice, own, known)
    outside = [choice for choice in given if choice not in inside]
    if outside:
        composed = _hydra(root, [c.text for c in chosen])
        unresolved, base = OmegaConf.to_container(composed), _resolved(composed)
        for choice in outside:
            _check_value(choice, base, known)
            _check_own(choice, unresolved)


def written(root: Path) -> Any:
    """The declared defaults with conf/config.yaml on top, references as they stand."""
    file = OmegaConf.load(root / "conf" / "config.yaml")
    return OmegaConf.to_container(OmegaConf.merge(settings.defaults(), file))


def _check_own(choice: SourcedOverride, tree: Any) -> None:
    """Refuse a key below one that takes its whole value from elsewhere, and say where."""
    parts = key_of(choice).split(".")
    for depth, part in enumerate(parts):
        if isinstance(tree, str) and (taken := re.fullmatch(r"\$\{([\w.]+)\}", tree)):
            key = ".".join((taken[1], *parts[depth:]))
            raise UserError(
                f"{choice.origin}: {'.'.join(parts[:depth])} is taken from {taken[1]}: set"
                f" {key}"
            )
        if not isinstance(tree, dict):
            return
        tree = tree.get(part)


def _is_plain(tree: Any, key: str) -> bool:
    """Whether a key is there, with a value that refers to no other."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return not (isinstance(tree, str) and "${" in tree)


def _resolved(composed: DictConfig) -> Any:
    return OmegaConf.to_container(composed, resolve=True)


def _check_value(choice: SourcedOverride, base: Any, known: Iterable[str]) -> None:
    """Refuse a key that is not in conf/ and a value of another type than there."""
    override = choice.parse()
    if override.is_add() or override.is_force_add() or override.is_delete():
        raise UserError(
            f"{choice.origin}: '{choice.text}': keys can be set, not added or removed"
        )
    key = str(override.key_or_group)
    parent, parts = base, key.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(parent, dict) or part not in parent:
            near = list(parent) if isinstance(parent, dict) else []
            near = list(dict.fromkeys([*near, *known])) if depth == 0 else near
            where = ".".join(parts[:depth])
            names = f" Known keys{f' of {where}' if where else ''}: {', '.join(near)}"
            meant = _elsewhere(key, base) if depth == 0 else ""
            meant = meant or did_you_mean(part, near)
            raise UserError(f"{choice.origin}: unknown key '{key}'{meant}.{names}")
        parent = parent[part]
    value: Any = override.value()
    _check_type(choice, key, parent, value)
    if "${" not in str(value):
        for part in reversed(parts):
            value = {part: value}
        settings.check(choice.origin, value)


def _elsewhere(key: str, base: Any) -> str:
    """Where the keys of a group lie that is a part of another: grid and threshold."""
    first = key.partition(".")[0]
    owners = [k for k, v in base.items() if isinstance(v, dict) and first in v]
    return f" (did you mean '{owners[0]}.{key}'?)" if owners else ""


def _check_type(choice: SourcedOverride, key: str, old: Any, new: Any) -> None:
    if isinstance(new, str) and "${" in new:
        return
    if isinstance(new, str) and isinstance(old, dict) and key.endswith(".of"):
        return  # the name of a file: see `with_named_parts`
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
