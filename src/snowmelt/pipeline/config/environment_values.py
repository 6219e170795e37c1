"""Values that come from the environment: `${oc.env:NAME}`.

A stage re-runs when a key that it reads changes, and the text `${oc.env:NAME}` never
changes; and what the composed file says, the tracker says too, passwords included. So only
keys that decide no result, those of `tracking`, may have such values, and what is written
down of them is the text. Who uses the key asks the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.overrides import SourcedOverride, key_of

_FREE = "tracking"
_ASKS = re.compile(r"\$\{\s*(?:oc\.)?env\s*:")
# From another section, a reference to the free one would carry its values out of it.
_REFERS = re.compile(rf"\$\{{[^}}]*\b{_FREE}\b")


def refuse(origin: str, tree: Mapping[str, Any], *, key: str = "") -> None:
    """Refuse a value from the environment outside of `tracking`.

    Args:
        origin: where it was written, for the message.
        tree: the configuration before references are followed, or a part of it.
        key: of that part.

    Raises:
        UserError: with the first of them.
    """
    for where, text in _texts(tree, key):
        is_free = where.partition(".")[0] == _FREE
        if not is_free and (_ASKS.search(text) or _REFERS.search(text)):
            raise UserError(
                f"{origin}: {where} takes its value from the environment, or from {_FREE},"
                f" which may ({text}): no stage could see it change; write the value"
                f" itself, or let the shell do it on the command line: {where}=$NAME"
            )


def refuse_overrides(choices: Iterable[SourcedOverride]) -> None:
    """As `refuse`, for overrides that are not composed yet."""
    for choice in choices:
        refuse(choice.origin, {key_of(choice): choice.text.partition("=")[2]})


def withheld(resolved: dict[str, Any], composed: Mapping[str, Any]) -> dict[str, Any]:
    """`resolved`, with the texts of `composed` under `tracking` where the environment is
    asked."""
    texts = dict(_texts(composed.get(_FREE), _FREE))
    if any(_ASKS.search(text) for text in texts.values()):
        kept = {key for key, text in texts.items() if "${" in text}
        resolved[_FREE] = _with_texts(resolved[_FREE], _FREE, {k: texts[k] for k in kept})
    return resolved


def _with_texts(value: Any, key: str, texts: Mapping[str, str]) -> Any:
    if key in texts:
        return texts[key]
    if isinstance(value, dict):
        return {name: _with_texts(v, f"{key}.{name}", texts) for name, v in value.items()}
    return value


def literal(value: Any) -> Any:
    """A tree in which `${` in a text is that text, for OmegaConf too."""
    if isinstance(value, str):
        return value.replace("${", "\\${")
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list) else value


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text in a tree, under its dotted key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)
