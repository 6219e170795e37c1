"""What a group of conf/ offers: each file's name, and what it says of itself."""

from __future__ import annotations

import textwrap
from pathlib import Path

_PACKAGE = "# @package"  # Hydra's own word, for no reader


def explained(root: Path, group: str) -> str:
    """The choices of a group, each with the comment that its file opens with.

    A file without one says which class it names.
    """
    lines = [f"{group} is a file of conf/{group}/, where its keys are:"]
    for file in sorted((root / "conf" / group).glob("*.yaml")):
        lines.append(f"{group}={file.stem}")
        lines += textwrap.wrap(
            _opening(file), 88, initial_indent="    ", subsequent_indent="    "
        )
    return "\n".join(lines)


def _opening(file: Path) -> str:
    found: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(_PACKAGE):
            continue
        if not line.startswith("#"):
            return " ".join(found) or line.removeprefix("_target_: ")
        found.append(line.removeprefix("#").strip())
    return " ".join(found)
