"""Reading the files that torch writes: nothing runs or inflates, no bit flips unnoticed.

Such a file is a zip archive whose members are stored as they are. `torch.load` compares
none of their check sums, follows what a member declares as its size and inflates one that
is compressed, so that a few megabytes ask for gigabytes. All of that is looked at first.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

_DEEPEST = 50
_FOREIGN = "it is another kind of file, damaged, or holds more than tensors and plain data"


def read_tensors(source: Path | BinaryIO, *, is_older_allowed: bool = False) -> Any:
    """What `torch.save` wrote: plain containers and tensors on the CPU.

    Args:
        is_older_allowed: also read the form of torch before 1.6, which is no archive and
            holds no check sums.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is of another kind, is damaged, or declares more than it holds; in
            words that say which.
    """
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return read_tensors(stream, is_older_allowed=is_older_allowed)
    if not (is_older_allowed and not zipfile.is_zipfile(source)):
        check_archive(source)
    source.seek(0)
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler fail in every way
        # Not the loader's own words: they advise to load without its protection.
        raise ValueError(f"{_FOREIGN} ({type(error).__name__})") from error
    for tensor in tensors(content):
        _check_tensor(tensor)
    return content


def check_archive(source: BinaryIO) -> None:
    """Refuse an archive that torch did not write, or whose bytes changed since.

    Raises:
        ValueError: see `read_tensors`.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            reason = _why_not_torchs(archive) or _damage(archive)
    except Exception as error:  # as above; even an OSError, for a place before the start
        raise ValueError(f"{_FOREIGN} ({type(error).__name__})") from error
    if reason is not None:
        raise ValueError(reason)


def _damage(archive: zipfile.ZipFile) -> str | None:
    name = archive.testzip()
    return name and f"it is damaged: the check sum of its part {name} is wrong"


def _why_not_torchs(archive: zipfile.ZipFile) -> str | None:
    """Whether parts are compressed, or together larger than the file."""
    members = archive.infolist()
    assert archive.fp is not None
    size = archive.fp.seek(0, io.SEEK_END)
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED:
            return (
                f"its part {member.filename} is compressed, which torch never does, and"
                f" would take {member.file_size / 2**20:.0f} MB"
            )
    declared = sum(max(member.file_size, member.compress_size) for member in members)
    if declared > size:
        return f"it holds {size} bytes and declares {declared}"
    if len({member.filename for member in members}) < len(members):
        return "it holds two parts of one name"
    return None


def tensors(content: Any) -> Iterator[Tensor]:
    """Every tensor in containers, also in such as are held several times, once."""
    waiting, seen = [content], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        if not isinstance(value, dict | list | tuple | set) or id(value) in seen:
            continue
        seen.add(id(value))
        waiting += value.values() if isinstance(value, dict) else value


def _check_tensor(tensor: Tensor) -> None:
    """Refuse a tensor that is not simply an array of numbers in memory.

    A view may repeat one number as often as it likes, and what copies it makes all of them.
    """
    is_plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not is_plain or tensor.is_quantized or tensor.is_nested:
        raise ValueError("it holds a tensor that is not a plain array")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(
            f"it holds a tensor of shape {tuple(tensor.shape)} without as many numbers"
        )


def check_plain(content: Any, name: str) -> None:
    """Refuse what is not made of names, numbers and lists alone, each held once.

    What holds one list many times, and so on inside it, is small in its file and grows
    without end where it is written out.

    Raises:
        ValueError: it is something else, or nested deeper than anyone writes.
    """
    waiting: list[tuple[Any, int]] = [(content, 0)]
    seen: set[int] = set()
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict | list):
            if id(value) in seen or depth > _DEEPEST:
                raise ValueError(f"its {name} is nested without end")
            seen.add(id(value))
            waiting += ((inner, depth + 1) for inner in value)
            if isinstance(value, dict):
                waiting += ((inner, depth + 1) for inner in value.values())
        elif not isinstance(value, str | int | float | None):
            raise ValueError(f"its {name} holds a {type(value).__name__}")
