"""Where samples are kept until they are in place: a folder for each request."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snowmelt.common import kept_places
from snowmelt.common.code_identity import code_digest
from snowmelt.common.errors import UserError
from snowmelt.common.records import content_digest

WORK = "snowmelt sample"
# The parts of the package that decide a sample.
CODE = (
    "common",
    "data/prepared",
    "diffusion",
    "nets",
    "sampling",
    "training/checkpoint.py",
    "training/checkpoint_content.py",
    "training/evaluation_notes.py",
    "training/weight_sets",
    "pipeline/stages/sample.py",
)
_DIGITS = 16  # of an identity, in a name


def folder_in(root: Path) -> Path:
    """Where samples are kept in a project."""
    return root / ".snowmelt" / "sample"


def name_of(request: Mapping[str, Any]) -> str:
    """The name of a request's folder: all that decides a sample.

    Args:
        request: see `snowmelt.sampling.sample_request.SampleRequest.describe`.
    """
    made_by = [code_digest(CODE), np.__version__, torch.__version__]
    rest = content_digest({"request": request, "made_by": made_by})
    return f"{request['identity'][:_DIGITS]}-{rest[:_DIGITS]}"


def forget(folder: Path, identity: str) -> None:
    """Remove what is kept of samples that are in place for good.

    Args:
        identity: of their request.
    """
    for place in folder.glob("[!.]*"):
        if not place.name.startswith(f"{identity[:_DIGITS]}-"):
            continue
        with contextlib.suppress(UserError), kept_places.only_one_at(place, WORK):
            kept_places.remove(place)
    with contextlib.suppress(OSError):
        folder.rmdir()
