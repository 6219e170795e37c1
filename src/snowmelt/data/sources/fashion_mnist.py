"""Fashion-MNIST: 70,000 grey pictures of clothes in ten classes."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Fraction
from snowmelt.common.download import download
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file
from snowmelt.common.places import Place
from snowmelt.common.regular_files import open_regular
from snowmelt.data.sources.source import RawData, Source

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
DOWNLOADS = Path("data/downloads/fashion_mnist")
MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
LARGEST = 16 + 60_000 * 28 * 28  # bytes: the training images, unpacked
# SHA-256 of the unpacked files: they are packed differently in different places.
DIGESTS = {
    "train-images-idx3-ubyte": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}
CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


@dataclass(frozen=True, kw_only=True)
class FashionMnist(Source):
    """The four idx files, verified by digest, with their official split.

    They are looked for in `path` if it is given, else in the folder of Debian's package
    dataset-fashion-mnist, else in data/downloads/fashion_mnist, into which they are
    fetched once.

    Args:
        path: the folder of the files, packed (.gz) or not; None to look and fetch.
        held_out_fraction: None, because the official test images are held out.

    References:
        Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747.
    """

    path: Place | None = None
    held_out_fraction: Fraction | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.path is not None:
            argument_checks.text("data.path", self.path)
        if self.held_out_fraction is not None:
            raise UserError(
                "data.held_out_fraction must be null: Fashion-MNIST holds out its"
                f" 10,000 official test images, got {self.held_out_fraction}"
            )

    def event_shape(self) -> tuple[int, ...]:
        return 1, 28, 28

    def read(self) -> RawData:
        """The images (70000, 1, 28, 28), their labels and which are held out.

        Raises:
            UserError: a file is missing and cannot be fetched, or is not the right one.
        """
        folder = self._folder()
        parts = {stem: _verified(folder, stem) for stem in DIGESTS}
        images = [parts["train-images-idx3-ubyte"], parts["t10k-images-idx3-ubyte"]]
        labels = [parts["train-labels-idx1-ubyte"], parts["t10k-labels-idx1-ubyte"]]
        return RawData(
            examples=np.concatenate(images)[:, None],
            labels=np.concatenate(labels).astype(np.int64),
            classes=CLASSES,
            value_range=(0, 255),
            held_out=np.repeat([False, True], [len(part) for part in images]),
        )

    def _folder(self) -> Path:
        """The folder that holds all four files, fetching them if need be."""
        if self.path is not None:
            folder = self.located(self.path)
            missing = _missing(folder)
            if missing:
                raise UserError(
                    f"data.path: {folder} lacks {', '.join(missing)} (.gz or not)"
                )
            return folder
        if not _missing(DEBIAN):
            return DEBIAN
        folder = self.root / DOWNLOADS
        for stem in _missing(folder):
            fetch(stem, folder)
        return folder


def _missing(folder: Path) -> list[str]:
    return [stem for stem in DIGESTS if _file(folder, stem) is None]


def _file(folder: Path, stem: str) -> Path | None:
    """The packed or unpacked file of that name, if it is there."""
    candidates = (folder / f"{stem}.gz", folder / stem)
    return next((path for path in candidates if path.is_file()), None)


def _verified(folder: Path, stem: str) -> np.ndarray:
    """The array in the idx file of that name, whose content is the official one."""
    path = _file(folder, stem)
    if path is None:
        raise UserError(f"{folder / stem} has vanished")
    content = _official_content(path, path, stem)
    axes = content[3]  # idx: a magic number that ends in this, each length, the bytes
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _official_content(source: Path, path: Path, stem: str) -> bytes:
    """Read `source`, unpack it if need be, and check that it is Fashion-MNIST's `stem`.

    Args:
        path: what the errors call it.

    Raises:
        UserError: it is packed and damaged, cannot be read, or holds something else.
    """
    try:
        with open_regular(source) as file:
            is_packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if is_packed else file
            content = stream.read(LARGEST + 1)  # a few kB can unpack to many GB
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}): replace or delete it") from error
    found = f"the SHA-256 of its content is {hashlib.sha256(content).hexdigest()}"
    if len(content) > LARGEST:
        found = f"its content is longer than {LARGEST} bytes"
    elif found.endswith(DIGESTS[stem]):
        return content
    raise UserError(
        f"{path} is not Fashion-MNIST's {stem}: {found}, not {DIGESTS[stem]}; for other"
        " data use data=folder or array"
    )


def fetch(stem: str, folder: Path) -> None:
    """Download one file into `folder`, whole and verified, or not at all.

    Raises:
        UserError: no mirror answers, or what came is not the file.
    """
    target = folder / f"{stem}.gz"
    reasons = []
    for mirror in MIRRORS:
        try:
            with new_file(target) as draft:
                download(f"{mirror}{target.name}", draft)
                _official_content(draft, target, stem)
            return
        except OSError as error:
            reasons.append(f"{mirror}: {error}")
    files = ", ".join(f"{name}.gz" for name in DIGESTS)
    raise UserError(
        "Fashion-MNIST is not on this machine and cannot be fetched"
        f" ({'; '.join(reasons)}). Put {files} into {folder}, name their folder by"
        " data.path=DIR, or install Debian's package dataset-fashion-mnist"
    )
