"""Reading YAML that a person wrote: plain data, and nothing that surprises.

PyYAML's own safe loader keeps the last of two equal keys, reads `1e-3` as a text and
`2024-01-01` as a date, and expands anchors, of which nine lines make a gigabyte. Here a key
stands once, a number is a number, and anchors are refused; the form is looked at event by
event before anything is made of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from snowmelt.common.errors import UserError

LARGEST = 2**20  # bytes; the largest file of conf/ has 1,500
_DEEPEST = 64  # levels of lists and mappings
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# As in YAML 1.2, and as Hydra reads conf/: a float needs no dot.
_FLOAT = re.compile(
    r"""^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)
    |\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
_NOT_PLAIN = ("tag:yaml.org,2002:timestamp",)


class _Plain(_Loader):
    """A safe loader for mappings whose keys are texts that differ, lists and scalars."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        names: dict[str, Any] = {}
        for key_node, _ in node.value:
            name = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refusal("a key must be a text", key_node)
            if name in names:
                first = names[name].start_mark.line + 1
                raise _refusal(
                    f"the key '{name}' is given twice (first in line {first})", key_node
                )
            names[name] = key_node
        values = super().construct_mapping(node, deep)
        if len(values) != len(names):
            raise _refusal("a key is given twice", node)
        return {str(key): value for key, value in values.items()}


_Plain.yaml_implicit_resolvers = {
    first: [(tag, how) for tag, how in resolvers if tag not in _NOT_PLAIN]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Plain.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def read_yaml(path: Path, shown: str = "") -> Any:
    """What a YAML file says, as dicts, lists and scalars; None if it is empty.

    Args:
        shown: what an error calls the file; its path, if that is not given.

    Raises:
        UserError: it is no text in UTF-8, no valid YAML, too large or too deep, gives a key
            twice, or uses anchors or tags.
    """
    name = shown or str(path)
    if not path.is_file():
        raise UserError(f"{name} is not a file")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise UserError(f"{name} is larger than {LARGEST:,} bytes: it is no configuration")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name} is not valid YAML: it is not a text in UTF-8 (byte {error.start}):"
            " save it as UTF-8"
        ) from error
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> Any:
    """What a text in YAML says; see `read_yaml`.

    Raises:
        UserError: it is not of that form.
    """
    try:
        _check_form(text)
        return yaml.load(text, Loader=_Plain)  # derives from the safe loader
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise UserError(f"{name} is not valid YAML: {reason}") from error


def _check_form(text: str) -> None:
    """Look at the events alone, which cost as much as the file is long."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refusal("anchors (&name, *name) are not taken: write it out", event)
        if tag := getattr(event, "tag", None):
            raise _refusal(f"tags are not taken, got {tag}", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise _refusal(f"it is nested more than {_DEEPEST} levels deep", event)


def _refusal(text: str, place: Any) -> yaml.YAMLError:
    mark = place.start_mark
    return yaml.YAMLError(f"{text} (line {mark.line + 1}, column {mark.column + 1})")


class _Dumper(yaml.SafeDumper):
    """Writes what `read_yaml` reads back: no anchors, and quotes around `1e5` as a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def dump_yaml(values: Any) -> str:
    """Plain values as YAML that `read_yaml` reads back, keys in order of the alphabet."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=True, allow_unicode=True)
