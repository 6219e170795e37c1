"""References inside a configuration: `${key}` stands for the value of another key.

OmegaConf says of one that leads nowhere neither where it stands nor what to do. Here each
is named by its key, and one that asks for something computed is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    GrammarParseError,
    InterpolationKeyError,
    InterpolationToMissingValueError,
    OmegaConfBaseException,
)
from omegaconf.grammar_parser import parse

from snowmelt.common.errors import UserError

# A reference to something that is computed, `${now:...}`; a nested one may hide its name.
_COMPUTED = re.compile(
    r"(?<!\\)\$\{\s*(?!oc\.(?:env|decode)\s*:)([^}.\s]*\$\{|[\w.]+(?=\s*:))"
)
_RAISED = "raised while resolving interpolation: "
_PLAIN = re.compile(r"(?<!\\)\$\{\s*([\w.]+)\s*\}")


class Unresolved(UserError):
    """A reference that leads nowhere.

    Attributes:
        key: where it stands.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key} does not resolve: {reason}")
        self.key = key


def check_form(node: Any, where: str) -> None:
    """Refuse a text with `${` that begins no reference at all.

    Args:
        node: a value, or a tree of them.
        where: it stands, for the message.

    Raises:
        UserError: with the first such text.
    """
    for key, text in _texts(node):
        try:
            parse(text)
        except GrammarParseError as error:
            raise UserError(
                f"{where}: {key + ': ' if key else ''}'{text}' begins a reference to"
                " another key, such as ${seed}, that cannot be read: complete it, or write"
                " \\${ for these characters themselves, in single quotes on a command line"
            ) from error


def check_computed(node: Any) -> None:
    """Refuse `${name:...}`, which asks for something that is computed.

    Raises:
        UserError: with the first that is no variable of the environment.
    """
    for key, text in _texts(node):
        if found := _COMPUTED.search(text):
            raise UserError(
                f"{key + ': ' if key else ''}'{text}' asks for ${{{found[1]}:...}}: only"
                " ${oc.env:NAME}, a variable of the environment, is taken so"
            )


def resolved_values(composed: DictConfig) -> Any:
    """The values of a configuration, without a reference left.

    Raises:
        Unresolved: a reference leads nowhere, or back to itself.
    """
    try:
        return OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (OmegaConfBaseException, RecursionError) as error:
        reason = " ".join(str(error).splitlines()[:1])
        raise _culprit(composed) or UserError(
            f"the configuration does not resolve: {reason}"
        ) from error


def _culprit(composed: DictConfig) -> Unresolved | None:
    """The first key whose own reference is to blame, not one that refers to such a key."""
    texts = dict(_texts(OmegaConf.to_container(composed)))
    failed = {key: error for key in texts if (error := _failure(composed, key)) is not None}
    if not failed:
        return None
    key, passed = next(iter(failed)), []
    while key not in passed:
        passed.append(key)
        key = next((k for k in _PLAIN.findall(texts[key]) if k in failed), key)
    return Unresolved(key, _said(failed[key], texts[key], _PLAIN.findall(texts[key])))


def _failure(composed: DictConfig, key: str) -> Exception | None:
    try:
        OmegaConf.select(composed, key, throw_on_missing=True)
    except (OmegaConfBaseException, RecursionError) as error:
        return error
    return None


def _said(error: Exception, text: str, named: list[str]) -> str:
    if isinstance(error, InterpolationKeyError | InterpolationToMissingValueError):
        return f"'{text}' refers to a key that is not there: write the value itself"
    reason = " ".join(str(error).splitlines()[:1])
    if isinstance(error, RecursionError) or "ecursive" in reason or "parent" in reason:
        return f"'{text}' refers to itself: write the value"
    if "not a container" in reason:
        return f"'{text}' refers to a part of a single value: write the value itself"
    if "Environment variable" in reason:
        return f"'{text}' asks for a variable that the environment lacks: set it"
    return f"'{text}': {reason.partition(_RAISED)[2] or reason}"


def _texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text with a reference in a tree, under its key as OmegaConf writes it."""
    if isinstance(node, str):
        if "${" in node:
            yield key, node
    elif isinstance(node, Mapping):
        for name, item in node.items():
            yield from _texts(item, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list | tuple):
        for place, item in enumerate(node):
            yield from _texts(item, f"{key}[{place}]")
