"""Configuration: finding conf/, composing it once, and building what it names.

`params.yaml` holds the usual choices, `conf/` the rest. `compose` puts both and the command
line together; what comes out has no interpolation left and is what every stage reads.

Order of precedence, weakest first: conf/, the keys of params.yaml, the experiment or sweep,
the list `overrides` of params.yaml, the command line.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isabstract
from pathlib import Path
from typing import Any, TypeVar

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snowmelt.errors import UserError, did_you_mean

Built = TypeVar("Built")
PARAMS = "params.yaml"
OVERRIDES = "params.yaml: overrides"


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


def groups(root: Path) -> dict[str, list[str]]:
    """The configuration groups and the choices of each."""
    folders = sorted(path for path in (root / "conf").iterdir() if path.is_dir())
    return {f.name: sorted(p.stem for p in f.glob("*.yaml")) for f in folders}


@dataclass(frozen=True)
class Choice:
    """One override and where it was written."""

    text: str
    origin: str

    def parse(self) -> Override:
        """Parse by Hydra's grammar, or say where the mistake is."""
        try:
            return OverridesParser.create().parse_override(self.text)
        except HydraException as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{self.origin}: '{self.text}' is not of the form key=value ({reason})"
            ) from error


def _quoted(value: Any) -> str:
    """A YAML value in Hydra's override grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{_quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_quoted, value)) + "]"
    return QuotedString(str(value), Quote.single).with_quotes()


def params_choices(root: Path) -> list[Choice]:
    """What params.yaml chooses, as overrides.

    Raises:
        UserError: the file is not a mapping of keys to values.
    """
    path = root / PARAMS
    if not path.is_file():
        return []
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{PARAMS} is not valid YAML: {reason}") from error
    if not isinstance(params, dict):
        raise UserError(f"{PARAMS} must map keys to values, got {type(params).__name__}")
    extra = params.pop("overrides", None) or []
    if not isinstance(extra, list) or not all(isinstance(text, str) for text in extra):
        raise UserError(f"{PARAMS}: 'overrides' must be a list of key=value, got {extra!r}")
    # `experiment: null` leaves a group unset; for Hydra that is no override at all.
    unset = {key for key, value in params.items() if value is None and key in groups(root)}
    found = [
        Choice(f"{key}={_plain(value)}", PARAMS)
        for key, value in _leaves(params)
        if key not in unset
    ]
    return found + [Choice(text, OVERRIDES) for text in extra]


def _plain(value: Any) -> str:
    """A group's choice is written without quotes, anything else as `_quoted` does."""
    simple = isinstance(value, str) and value.replace("_", "").isalnum()
    return value if simple else _quoted(value)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def merged_choices(root: Path, overrides: Sequence[str]) -> list[Choice]:
    """params.yaml and the command line as one list; the experiment beats params.yaml.

    Raises:
        UserError: a choice does not parse, or names a key or a group's file that is not
            there; the message says where it was written.
    """
    typed = [Choice(text, "command line") for text in overrides]
    typed_keys = {_key(choice) for choice in typed}
    params = [c for c in params_choices(root) if _key(c) not in typed_keys]
    known = groups(root)
    for choice in params + typed:
        _check_group(choice, known)
    settled = _settled_by_files(root, params + typed)
    params = [c for c in params if c.origin != PARAMS or not _covers(settled, _key(c))]
    return params + typed


def _key(choice: Choice) -> str:
    return str(choice.parse().key_or_group)


def _covers(settled: set[str], key: str) -> bool:
    return key in settled or any(key.startswith(f"{s}.") for s in settled)


def _check_group(choice: Choice, known: Mapping[str, list[str]]) -> None:
    override = choice.parse()
    group = override.key_or_group
    if group not in known or override.is_sweep_override():
        return
    value = override.value()
    if value is None:
        return
    if not isinstance(value, str):
        raise UserError(
            f"{choice.origin}: {group} names a file of conf/{group}/, got {value!r};"
            f" known: {', '.join(known[group])}"
        )
    if value not in known[group]:
        raise UserError(
            f"{choice.origin}: unknown {group} '{value}'"
            f"{did_you_mean(value, known[group])}."
            f" Known: {', '.join(known[group])} (the files of conf/{group}/)"
        )


def _settled_by_files(root: Path, choices: Sequence[Choice]) -> set[str]:
    """The groups and keys that the chosen experiment and sweep set themselves."""
    settled: set[str] = set()
    for group in ("experiment", "sweep"):
        names = [c.parse().value() for c in choices if _key(c) == group]
        if names and isinstance(names[-1], str):
            settled |= _set_by(root / "conf" / group / f"{names[-1]}.yaml")
    return settled


def _set_by(file: Path) -> set[str]:
    """The groups and keys that a file of conf/ sets, and those that it sweeps over."""
    body = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    swept = body.pop("hydra", {}).get("sweeper", {}).get("params", {})
    settled = set(swept)
    for item in body.pop("defaults", []):
        if isinstance(item, dict):
            settled |= {str(key).removeprefix("override ").strip(" /") for key in item}
    return settled | {key for key, _ in _leaves(body)}


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
            _check_group(single, known)
            if override.key_or_group not in known:
                compose(root, [single.text])
    return fixed


def compose(root: Path, overrides: Sequence[str] = ()) -> DictConfig:
    """The fully resolved configuration.

    Args:
        root: the project's root, with conf/ and perhaps params.yaml.
        overrides: `key=value` in Hydra's grammar; they beat params.yaml.

    Raises:
        UserError: an unknown key or choice, a value of the wrong type, or a file of conf/
            that does not compose.
    """
    choices = merged_choices(root, overrides)
    known = groups(root)
    chosen = [c for c in choices if _key(c) in known]
    base = _hydra(root, [c.text for c in chosen])
    for choice in choices:
        if choice not in chosen:
            _check_value(choice, base, known)
    composed = _hydra(root, [c.text for c in choices])
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"the configuration does not resolve: {reason}") from error
    return frozen(plain)


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


def _check_value(choice: Choice, base: DictConfig, known: Iterable[str]) -> None:
    """Refuse a key that is not in conf/ and a value of another type than there."""
    override = choice.parse()
    if override.is_add() or override.is_force_add() or override.is_delete():
        raise UserError(
            f"{choice.origin}: '{choice.text}': keys can be set, not added or removed"
        )
    key = str(override.key_or_group)
    plain: Any = OmegaConf.to_container(base, resolve=False)
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
    if isinstance(old, str) and "${" in old:
        return
    if old is None or new is None or type(new) is type(old):
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


def plain(node: Any) -> Any:
    """A part of the configuration as dicts, lists and scalars."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def build(node: Any, base: type[Built], **extra: Any) -> Built:
    """Build the object that a configuration node names by its `_target_`.

    Only a class of this package that derives from `base` is built, so a configuration that
    came with a stranger's checkpoint cannot run anything else.

    Args:
        node: a mapping with `_target_` and the constructor's arguments.
        base: what the object must be.
        extra: further arguments that are no configuration (a data shape, a folder).

    Raises:
        UserError: the class is not of that kind, an argument is unknown or missing, or the
            class refuses a value.
    """
    arguments = dict(plain(node))
    target = str(arguments.pop("_target_", ""))
    module_name, _, name = target.rpartition(".")
    if not module_name.startswith("snowmelt."):
        raise UserError(
            f"_target_ '{target}' is not a class of snowmelt: only those are built"
        )
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError as error:
        raise UserError(f"_target_ '{target}': there is no module {module_name}") from error
    if not isinstance(found, type) or not issubclass(found, base) or isabstract(found):
        raise UserError(f"_target_ '{target}' is not a {base.__name__}")
    taken = inspect.signature(found).parameters
    extra = {key: value for key, value in extra.items() if key in taken or _has_rest(taken)}
    try:
        inspect.signature(found).bind(**arguments, **extra)
    except TypeError as error:
        raise UserError(f"{target}: {error}; it takes {', '.join(taken)}") from error
    try:
        return found(**arguments, **extra)
    except (ValueError, TypeError) as error:
        raise UserError(f"{target}: {error}") from error


def _has_rest(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
