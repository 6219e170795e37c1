"""The raw data in DVC's copy of a project.

`dvc exp run --temp` and its queue run in a copy of the project with the files that git
knows. Git ignores raw data, so they are brought there before a stage looks at them. DVC
records what a stage read when that has ended: the same of the copy as of the project.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import yaml

from snowmelt.pipeline.config.overrides import PARAMS

# The stages that look at raw data: one checks that they are there, one reads them.
STAGES = ("compose", "prepare")


def bring_raw_data(root: Path) -> int:
    """Link the files of `data_path` that the main project has into DVC's copy of it.

    Where this process is none of DVC's, works in the project itself, or `data_path` is no
    path below the root, nothing is done. No file is replaced.

    Returns: how many files were brought.
    """
    main = Path(os.environ.get("DVC_ROOT") or root).resolve()
    if "DVC_STAGE" not in os.environ or main == root.resolve():
        return 0
    try:
        named = Path(yaml.safe_load((root / PARAMS).read_text("utf-8"))["data_path"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return 0  # what is wrong with the file is said where it is composed
    if named.is_absolute() or ".." in named.parts:
        return 0
    brought = _bring(main / named, root / named)
    if brought:
        files = "1 file" if brought == 1 else f"{brought} files"
        print(f"{named}: {files} that git ignores, from {main}")
    return brought


def _bring(there: Path, here: Path) -> int:
    if there.is_dir() and not there.is_symlink():
        here.mkdir(parents=True, exist_ok=True)
        return sum(_bring(one, here / one.name) for one in sorted(there.iterdir()))
    if os.path.lexists(here) or not there.exists():
        return 0
    here.parent.mkdir(parents=True, exist_ok=True)
    if there.is_symlink():
        here.symlink_to(there.resolve())
    else:
        _link(there, here)
    return 1


def _link(there: Path, here: Path) -> None:
    try:
        os.link(there, here)
    except OSError:  # another file system, or one without links
        shutil.copy2(there, here)
