"""The user's overrides of conf/: params.yaml, an experiment and the command line, merged.

Order of precedence, weakest first: conf/, the keys of params.yaml, the experiment or sweep,
the list `overrides` of params.yaml, the command line.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from snowmelt.common import public_names
from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.pipeline.config import conf_files, references
from snowmelt.pipeline.config.conf_files import body_of, chosen_in, named_in

PARAMS = "params.yaml"
OVERRIDES = "params.yaml: overrides"
COMMAND_LINE = "command line"
# Groups that need not be chosen; `experiment=null` leaves one unset.
OPTIONAL = ("experiment", "sweep", "iteration")


def groups(root: Path) -> dict[str, list[str]]:
    """The configuration groups and the choices of each."""
    folders = sorted(path for path in (root / "conf").iterdir() if path.is_dir())
    found = {f.name: sorted(p.stem for p in f.glob("*.yaml")) for f in folders}
    return {name: [] for name in OPTIONAL} | found


@dataclass(frozen=True)
class SourcedOverride:
    """An override, and where it was written.

    A value that is nothing in Hydra's grammar, such as a path with brackets, an apostrophe
    or an equals sign, can only be meant as it stands: it is put into quotes.
    """

    text: str
    origin: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _readable(self.text))

    def parse(self) -> Override:
        """Parse by Hydra's grammar, or say where the mistake is."""
        if "=" not in self.text and not self.text.startswith("~"):
            raise UserError(
                f"{self.origin}: '{self.text}' is not of the form key=value: write the key"
                " too, and put a value with spaces into quotes"
            )
        try:
            override = _parsed(self.text)
        except HydraException as error:
            reason = " ".join(str(error).splitlines()[0].split())
            raise UserError(
                f"{self.origin}: '{self.text}' is not of the form key=value ({reason});"
                f" quote a value with commas, brackets or braces: {cure(self.text)}"
            ) from error
        if override.is_add() or override.is_force_add() or override.is_delete():
            raise UserError(
                f"{self.origin}: '{self.text}': keys can be set, not added or removed"
            )
        if override.package is not None:
            raise UserError(
                f"{self.origin}: '{self.text}': a group stays where it is, without @"
            )
        if not override.is_sweep_override():
            references.check_form(
                override.value(), f"{self.origin}: {override.key_or_group}"
            )
        return override

    def as_text(self) -> SourcedOverride:
        """The same with its value taken literally, as a text."""
        key, _, value = self.text.partition("=")
        return SourcedOverride(f"{key}={quoted(value)}", self.origin)


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Override:
    return OverridesParser.create().parse_override(text)


def _readable(text: str) -> str:
    """An override as it stands, or with quotes around a value that is none otherwise.

    A comma may separate the values of a sweep, so such a value is not guessed at.
    """
    try:
        _parsed(text)
    except HydraException:
        key, equals, value = text.partition("=")
        literal = f"{key}={quoted(value)}"
        if equals and "," not in value and _is_readable(literal):
            return literal
    return text


def _is_readable(text: str) -> bool:
    try:
        _parsed(text)
    except HydraException:
        return False
    return True


def cure(text: str) -> str:
    """An override with its value in quotes, as one types it in a shell."""
    key, _, value = text.partition("=")
    return f'"{key}={quoted(value.strip(chr(39)))}"'


def quoted(value: Any) -> str:
    """A value as Hydra's grammar writes it, texts in quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(quoted, value)) + "]"
    return QuotedString(str(value), Quote.single).with_quotes()


def params_overrides(root: Path) -> list[SourcedOverride]:
    """The overrides that params.yaml gives.

    Raises:
        UserError: the file is not a mapping of keys to values.
    """
    path = root / PARAMS
    if not path.is_file():
        return []
    params = body_of(path, PARAMS)
    extra = params.pop("overrides", None) or []
    if not isinstance(extra, list) or not all(isinstance(text, str) for text in extra):
        raise UserError(f"{PARAMS}: 'overrides' must be a list of key=value, got {extra!r}")
    known = groups(root)
    params = public_names.with_current_keys(params)
    # The name of a group's file is written without quotes: Hydra would look for them too.
    found = [
        SourcedOverride(
            f"{key}={value if value in known.get(key, ()) else quoted(value)}", PARAMS
        )
        for key, value in _leaves(params)
    ]
    return found + [
        SourcedOverride(public_names.current_override(o), OVERRIDES) for o in extra
    ]


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def merged_overrides(root: Path, overrides: Sequence[str]) -> list[SourcedOverride]:
    """params.yaml and the command line as one list; the experiment beats params.yaml.

    Raises:
        UserError: a choice does not parse, or names a key or a group's file that is not
            there; the message says where it was written.
    """
    conf_files.check(root)
    typed = [SourcedOverride(text, COMMAND_LINE) for text in overrides]
    check_once(typed)
    typed_keys = {key_of(choice) for choice in typed}
    params = [c for c in params_overrides(root) if key_of(c) not in typed_keys]
    known = groups(root)
    for choice in params + typed:
        check_group(choice, known)
    # Hydra has no word for "unset" but a missing override.
    given, params = params + typed, [c for c in params if not _is_unset(c)]
    settled = _settled_by_files(root, given)
    params = [c for c in params if c.origin != PARAMS or not _covers(settled, key_of(c))]
    check_once(params)
    return params + [c for c in typed if not _is_unset(c)]


def check_once(choices: Sequence[SourcedOverride]) -> None:
    """Refuse a key that is given twice: one of the two would be lost without a word.

    Raises:
        UserError: naming both places.
    """
    seen: dict[str, SourcedOverride] = {}
    for choice in choices:
        for key in _keys_of(choice):
            if key in seen:
                raise UserError(
                    f"{key} is given twice: '{seen[key].text}' ({seen[key].origin}) and"
                    f" '{choice.text}' ({choice.origin}): keep one"
                )
            seen[key] = choice


def _keys_of(choice: SourcedOverride) -> list[str]:
    """The key of an override, or those below it where its value is a mapping."""
    value = choice.parse().value()
    if isinstance(value, dict) and value:
        return [key for key, _ in _leaves(value, f"{key_of(choice)}.")]
    return [key_of(choice)]


def _is_unset(choice: SourcedOverride) -> bool:
    override = choice.parse()
    return override.key_or_group in OPTIONAL and override.value() is None


def key_of(choice: SourcedOverride) -> str:
    return str(choice.parse().key_or_group)


def _covers(settled: set[str], key: str) -> bool:
    return key in settled or any(key.startswith(f"{s}.") for s in settled)


def check_group(choice: SourcedOverride, known: Mapping[str, list[str]]) -> None:
    override = choice.parse()
    group = override.key_or_group
    if group not in known or override.is_sweep_override():
        return
    value = override.value()
    if value is None and group in OPTIONAL:
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


def _settled_by_files(root: Path, choices: Sequence[SourcedOverride]) -> set[str]:
    """The groups and keys that the chosen files of `OPTIONAL` set themselves."""
    settled: set[str] = set()
    for group in OPTIONAL:
        names = [c.parse().value() for c in choices if key_of(c) == group]
        if names and isinstance(names[-1], str):
            settled |= _set_by(root / "conf" / group / f"{names[-1]}.yaml")
    return settled


def _set_by(file: Path) -> set[str]:
    """The groups and keys that a file of conf/ sets, and those that it sweeps over."""
    settled: set[str] = set()
    for one in built_on(file):
        body = body_of(one)
        settled |= {group for group, _ in chosen_in(body, _shown(one))}
        settled |= swept_in(one).keys() | {key for key, _ in _keys_in(body)}
    return settled


def built_on(file: Path, above: Sequence[Path] = ()) -> Iterator[Path]:
    """An experiment after those of its folder that its defaults name, each after its own.

    Raises:
        UserError: one is not there, or names one that names it.
    """
    if file in above:
        names = " -> ".join(one.stem for one in (*above, file))
        raise UserError(f"{_shown(file)}: its defaults go round in a circle: {names}")
    if above and not file.is_file():
        raise UserError(
            f"{_shown(above[-1])}: its defaults name {file.stem}, but there is no"
            f" {_shown(file)}"
        )
    for name in named_in(body_of(file)):
        yield from built_on(file.with_name(f"{name}.yaml"), (*above, file))
    yield file


def swept_in(file: Path) -> dict[str, str]:
    """The keys that a file of conf/sweep/ sweeps over, each with its values."""
    swept = body_of(file).get("hydra", {}).get("sweeper", {}).get("params", {})
    return {str(key): str(values) for key, values in swept.items()}


def written_in(file: Path) -> tuple[list[str], list[SourcedOverride]]:
    """What an experiment or a sweep sets: choices of groups, and values of keys.

    Raises:
        UserError: the file is not a mapping in valid YAML.
    """
    chosen: dict[str, str] = {}
    keys: dict[str, SourcedOverride] = {}
    for one in built_on(file):
        body, shown = body_of(one), _shown(one)
        chosen |= {group: f"{group}={name}" for group, name in chosen_in(body, shown)}
        keys |= {
            key: SourcedOverride(f"{key}={quoted(value)}", shown)
            for key, value in _keys_in(body)
        }
    return list(chosen.values()), list(keys.values())


def _shown(file: Path) -> str:
    return f"conf/{file.parent.name}/{file.name}"


def _keys_in(body: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return _leaves({k: v for k, v in body.items() if k not in ("defaults", "hydra")})
