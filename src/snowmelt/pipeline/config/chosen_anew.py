"""Parts that are chosen on the command line where an experiment chose others.

An experiment chooses the files of some groups, and sets keys of those files. Who chooses
another file of such a group has chosen its keys too: what the experiment says about keys
that the other file does not have was about its own choice, and goes with it. What both
files have, such as the steps of a sampler, stays as the experiment says. One such key is
about more than its own choice: the side of the images, which the experiment chose its
network for. It may go only where the other images have that side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.overrides import SourcedOverride, key_of, quoted

SIDE = "data.size"


def amendments(written: Sequence[SourcedOverride], own: Any, anew: Any) -> dict[str, str]:
    """What undoes the keys of an experiment that the parts chosen anew do not have.

    Args:
        written: the keys of parts that the experiment sets.
        own: what composes with its choices of groups and without its keys.
        anew: the same with those that are chosen anew; references as they stand in both.

    Returns:
        For each such key an override in Hydra's grammar: it deletes the key, or puts back
        the section that stands there.
    """
    found = {}
    for choice in written:
        key = key_of(choice)
        first, node = _standing(key, anew)
        if node is _MISSING:
            found[key] = f"~{first}"
        elif isinstance(node, Mapping) and _standing(key, own)[1] != node:
            found[key] = f"{key}={quoted(node)}"
    return found


def check_side(
    lost: Iterable[SourcedOverride], data: str, shape: tuple[int, ...] | None
) -> None:
    """Refuse images of another side than an experiment that was made for one asks for.

    Args:
        lost: the keys of experiments that the parts chosen anew do not have.
        data: the name of the data that is chosen.
        shape: of one example of it, (C, H, W) for an image; None where nobody knows it
            before it is read.

    Raises:
        UserError: naming the file of the experiment, both sides, and what to choose.
    """
    for choice in lost:
        if key_of(choice) != SIDE or shape is None or len(shape) != 3:
            continue
        side: Any = choice.parse().value()
        if shape[1:] != (side, side):
            is_near = side < 2 * max(shape[1:]) < 2 * side
            margin = f", or data.pad_to={side}" if is_near else ""
            raise UserError(
                f"{choice.origin} is for images of {side}x{side} ({choice.text}), and those"
                f" of data={data} are {shape[1]}x{shape[2]} and stay so: choose an"
                " experiment for that side, or experiment=images32, which sets none"
                f"{margin}; or data=folder, which resizes"
            )


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
