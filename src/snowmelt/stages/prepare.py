"""Stage prepare: raw data in, the prepared form out."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt.config import build, plain
from snowmelt.data import prepared, preview
from snowmelt.data.manifest import Manifest
from snowmelt.data.source import Source
from snowmelt.errors import UserError
from snowmelt.files import new_directory


def run(config: DictConfig, root: Path) -> Path:
    """Read, split and write the data; returns its folder.

    Args:
        config: reads `data` and `paths.prepared`.
        root: what the paths are relative to.

    Raises:
        UserError: the raw data or the configuration is wrong, or the folder to write
            holds something else.
    """
    target = root / str(config.paths.prepared)
    _check_ours(target)
    source = build(config.data, Source, root=root)
    raw = source.read()
    with new_directory(target) as draft:
        manifest = prepared.write(
            draft,
            examples=raw.examples,
            labels=raw.labels,
            classes=raw.classes,
            name=source.name,
            value_range=raw.value_range,
            held_out=raw.held_out,
            held_out_fraction=source.held_out_fraction,
            split_seed=source.split_seed,
            config=plain(config.data),
            skipped=raw.skipped,
            notes=raw.notes,
        )
        data = prepared.PreparedData.open(draft)
        preview.draw(draft / "preview.png", data.train, manifest)
    print(summary(manifest))
    return target


def _check_ours(target: Path) -> None:
    """Refuse to replace a folder that another made: it may be the raw data."""
    is_free = not target.exists() or (target.is_dir() and not any(target.iterdir()))
    if not is_free and not (target / "manifest.json").is_file():
        raise UserError(
            f"paths.prepared: {target} exists and was not made by this stage: it would"
            " be replaced; name another folder or move it away"
        )


def summary(manifest: Manifest) -> str:
    """What was prepared, in a few lines."""
    shape = "x".join(map(str, manifest.shape))
    values = ""
    if manifest.value_range is not None:
        low, high = manifest.value_range
        values = f", values {low} to {high} ({manifest.bits:.2f} bits)"
    classes = f", {len(manifest.classes)} classes" if manifest.classes else ""
    lines = [
        f"{manifest.name}: {manifest.count} {manifest.kind} {shape}{values}{classes};"
        f" {manifest.train_count} to train on, {manifest.held_out_count} held out"
        f" ({manifest.split['kind']} split)"
    ]
    lines += [f"note: {note}" for note in manifest.notes]
    lines += [f"skipped {item.file}: {item.reason}" for item in manifest.skipped]
    return "\n".join(lines)
