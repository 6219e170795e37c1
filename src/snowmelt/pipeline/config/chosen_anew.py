"""Parts that are chosen on the command line where an experiment chose others.

An experiment chooses the files of some groups, and sets keys of those files. Who chooses
another file of such a group has chosen its keys too: what the experiment says about keys
that the other file does not have was about its own choice, and goes with it. What both
files have, such as the steps of a sampler, stays as the experiment says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snowmelt.pipeline.config.overrides import SourcedOverride, key_of, quoted


def amendments(
    written: Sequence[SourcedOverride], anew: Mapping[str, Any]
) -> dict[str, str]:
    """What undoes the keys of an experiment that the parts chosen anew do not have.

    Args:
        written: the keys of parts that the experiment sets.
        anew: what composes with its choices of groups, but those chosen anew, and without
            its keys; references as they stand.

    Returns:
        For each such key an override in Hydra's grammar: it deletes the key, or puts back
        the section that stands there.
    """
    found = {}
    for choice in written:
        key = key_of(choice)
        own, node = _standing(key, anew)
        if node is _MISSING:
            found[key] = f"~{own}"
        elif isinstance(node, Mapping):
            found[key] = f"{key}={quoted(node)}"
    return found


_MISSING = object()


def _standing(key: str, tree: Any) -> tuple[str, Any]:
    """What stands at a key, or the first part of it that is not there."""
    seen: list[str] = []
    for part in key.split("."):
        seen.append(part)
        if not isinstance(tree, Mapping) or part not in tree:
            return ".".join(seen), _MISSING
        tree = tree[part]
    return key, tree
