"""Downloading one file, by the downloader of torch's hub."""

from __future__ import annotations

import socket
from http.client import HTTPException
from pathlib import Path

import torch

from snowmelt.common.files import new_file

_TIMEOUT = 20.0  # seconds without a byte; the hub itself would wait for ever


def download(address: str, target: Path, digest: str | None = None) -> None:
    """Fetch a file under a progress bar, whole and verified, or not at all.

    Args:
        address: where it is.
        target: the file to write; its folder is made.
        digest: what the SHA-256 of the content must begin with, None for any content.

    Raises:
        OSError: nothing answers, or what came has another digest.
        StorageError: there is no room for it.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with new_file(target) as draft:  # what comes of a killed download is removed later
            torch.hub.download_url_to_file(address, str(draft), hash_prefix=digest)
    except (HTTPException, RuntimeError) as error:
        raise OSError(str(error)) from error
    finally:
        socket.setdefaulttimeout(before)
