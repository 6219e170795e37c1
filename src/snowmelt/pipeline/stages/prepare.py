"""Stage prepare: raw data in, the prepared form out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.errors import StorageError, UserError
from snowmelt.common.files import new_directory, require_ours
from snowmelt.common.instantiate import build, class_of, plain
from snowmelt.common.places import located, not_copied
from snowmelt.data.prepared import dataset, degraded_rows
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.start_points import FOLDER, made_from
from snowmelt.data.sources import kept_rows
from snowmelt.data.sources.source import RawData, Source
from snowmelt.data.sources.told_keys import told_at
from snowmelt.data.starts import Start
from snowmelt.tracking.location import main_root
from snowmelt.training.finished import Finished

MARKER = "manifest.json"


def run(config: DictConfig, root: Path) -> Path:
    """Read, split and write the data, going on from images that an earlier run decoded.

    What was prepared before, from images that have not changed since, is taken as it is.

    Returns:
        Its folder.

    Args:
        config: reads `data`, `start` and `paths.prepared`.

    Raises:
        UserError: the raw data or the configuration is wrong, or the folder to write
            holds something else.
    """
    target = root / str(config.paths.prepared)
    require_ours(target, MARKER)
    before = _before(config, root)
    if before is not None and (found := before.find(target)) is not None:
        before.take(found, target, MARKER)
        print(summary(PreparedData.open(target).manifest))
        print(f"prepare: read before, and nothing has changed since: {found} holds it")
        return target
    with kept_rows.keeping(main_root(root) / ".snowmelt" / "prepare") as kept:
        with new_directory(target, MARKER) as draft:
            given = {"root": root, "scratch": draft.parent, "kept": kept}
            source = build(config.data, Source, **given)
            manifest = _write(draft, source, plain(config.data))
            begun = _begun(draft, config, given | {"kept": None})
        kept.finished()
    print(summary(manifest))
    if begun is not None:
        print(f"start: {summary(begun)}")
    if before is not None:
        with contextlib.suppress(UserError, OSError):  # the next one reads it again
            before.remember(target)
    return target


def _before(config: DictConfig, root: Path) -> Finished | None:
    """What was made of the same images by the same code; None where that is not known."""
    stamp, start = None, config.get("start") or {}
    with contextlib.suppress(UserError):  # reading will say it, and why
        stamp = build(config.data, Source, root=root).stamp()
    if stamp is None or "of" in start or "by" in start:
        return None
    named = kept_rows.identity({"data": plain(config.data), "read": stamp})
    return Finished(main_root(root) / ".snowmelt" / "prepared", named)


def _begun(draft: Path, config: DictConfig, given: dict[str, Any]) -> Manifest | None:
    """Write the prepared form of the starts; None where they are normal noise.

    Args:
        draft: holds the prepared data.
    """
    if (section := config.get("start")) is None:
        return None
    key, decisive = made_from(plain(section))
    if "of" in section:
        with told_at(key, class_of(decisive, Source)):
            source = build(decisive, Source, **given)
            return _write(draft / FOLDER, source, dict(decisive))
    start = build(section, Start, **given)
    if start.degradation is None:
        return None
    data = PreparedData.open(draft)
    return degraded_rows.write(draft / FOLDER, data, start.degradation, decisive)


def _write(folder: Path, source: Source, config: dict[str, Any]) -> Manifest:
    """Write the prepared form of a source that a section of the configuration names."""
    return dataset.write(
        folder,
        **vars(_read(source, config)),
        name=source.name,
        held_out_fraction=source.held_out_fraction,
        split_seed=source.split_seed,
        config=config,
    )


def _read(source: Source, config: dict[str, Any]) -> RawData:
    """What the source reads; where DVC works in a copy, what is not in it is explained."""
    try:
        return _within_memory(source)
    except StorageError:
        raise
    except UserError as error:
        named = [value for value in config.values() if isinstance(value, str)]
        reasons = [not_copied(located(source.root, name)) for name in named]
        raise UserError(f"{error}{next(filter(None, reasons), '')}") from error


def _within_memory(source: Source) -> RawData:
    try:
        return source.read()
    except MemoryError as error:
        raise UserError(
            f"data: {source.name} does not fit into memory ({error}): give fewer or smaller"
            " examples"
        ) from error


def _seen(manifest: Manifest) -> str:
    """Which of the levels occur."""
    seen = manifest.seen_levels
    if seen is None or seen["distinct"] == manifest.levels:
        return ""
    return f"; {seen['distinct']} levels occur, {seen['least']} to {seen['greatest']}"


def summary(manifest: Manifest) -> str:
    shape = "x".join(map(str, manifest.shape))
    if manifest.kind == "points":
        shape = f"of {shape} coordinate{'s' if manifest.shape[0] > 1 else ''}"
    values = ""
    if manifest.value_range is not None:
        low, high = manifest.value_range
        values = f", values {low} to {high} ({manifest.bits:.2f} bits{_seen(manifest)})"
    classes = f", {len(manifest.classes)} classes" if manifest.classes else ""
    lines = [
        f"{manifest.name}: {manifest.count} {manifest.kind} {shape}{values}{classes};"
        f" {manifest.train_count} to train on, {manifest.held_out_count} held out"
        f" ({manifest.split['kind']} split)"
    ]
    lines += [f"note: {note}" for note in manifest.notes]
    lines += [f"skipped {item.file}: {item.reason}" for item in manifest.skipped]
    return "\n".join(lines)
