"""Finding the standard Inception weights, or fetching them once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from snowmelt.common.download import download
from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.places import located

# As torch-fidelity has it, whose import takes seconds.
URL_INCEPTION_V3 = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
FILE = URL_INCEPTION_V3.rpartition("/")[2]
DOWNLOADS = Path("data/downloads")
# The beginning of the SHA-256, which torch's hub puts at the end of a file's name.
STANDARD = FILE.removesuffix(".pth").rpartition("-")[2]


def read(weights: str | None, root: Path) -> bytes:
    """The content of the file of weights; see `find`."""
    return find(weights, root).read_bytes()


def find(weights: str | None, root: Path) -> Path:
    """The file of weights.

    Args:
        weights: its path, standard or not; None looks for the standard one in
            data/downloads and in the cache of torch's hub, and fetches it once.
        root: what paths are relative to.

    Raises:
        UserError: it is not there and cannot be fetched, or a file of the standard name
            has another content.
    """
    if weights is not None:
        named = located(root, weights)
        if not named.is_file():
            raise UserError(
                f"features.weights: there is no file {named}: name one of torch-fidelity's"
                f" weights, such as {URL_INCEPTION_V3}, or leave the key out and put that"
                f" file into {root / DOWNLOADS}"
            )
        return named
    ours = root / DOWNLOADS / FILE
    for path in (ours, Path(torch.hub.get_dir()) / "checkpoints" / FILE):
        if path.is_file():
            _verify(path)
            return path
    _fetch(ours)
    return ours


def is_standard(content: bytes) -> bool:
    """Whether these are the bytes of torch-fidelity's release."""
    return hashlib.sha256(content).hexdigest().startswith(STANDARD)


def _verify(path: Path) -> None:
    found = sha256(path)
    if not found.startswith(STANDARD):
        raise UserError(
            f"{path} is not the standard file: its SHA-256 begins {found[:8]}, not"
            f" {STANDARD}; delete it, or name another file by features.weights=PATH"
        )


def _fetch(target: Path) -> None:
    """Download the release into `target`, whole and verified, or not at all."""
    try:
        download(URL_INCEPTION_V3, target, digest=STANDARD)
    except OSError as error:
        raise UserError(
            f"features=inception needs {FILE}, which is not on this machine and cannot be"
            f" fetched from {URL_INCEPTION_V3} ({error}): fetch it elsewhere and put it"
            f" into {target.parent}, name it by features.weights=PATH, or choose"
            " features=classifier (needs labels) or features=random_conv"
        ) from error
