"""The interface of a feature extractor, and the features of a whole set.

Several processes take turns by whole batches, which are the same for any number of them.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from snowmelt.common import distributed
from snowmelt.common.array_files import create_rows, release, write_rows
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import class_of
from snowmelt.common.process_group import Group, at_work
from snowmelt.common.threads import single_thread
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.features import weight_files

AGAIN = "run `snowmelt reference` again"


class Extractor(nn.Module, abc.ABC):
    """A fixed map from a stored example to a vector of features.

    Life: built from the configuration, made ready by `fit` in the stage reference, saved,
    and loaded in the stage evaluate, which need not know the configuration's choice.

    Attributes:
        name: its choice of `features=`.
        kind: of the examples that it reads, "images" or "points".
        resize: how it resizes them, for the protocol.
        batch: examples at once. It is no setting, since the last bits of a feature may
            depend on it.
        is_small: it runs in one thread of the CPU, with or without a GPU, and gives the
            same bytes on machines with more cores or fewer.

    Raises:
        UserError: the data is of another kind.
    """

    name: ClassVar[str]
    kind: ClassVar[str] = "images"
    resize: ClassVar[str] = "none"
    batch: ClassVar[int] = 250
    is_small: ClassVar[bool] = True

    def __init__(self, manifest: Manifest) -> None:
        super().__init__()
        self.manifest = manifest
        if manifest.kind == self.kind:
            return
        fitting = (
            "features=coordinates"
            if manifest.kind == "points"
            else "features=classifier (needs labels), random_conv, inception or dinov2"
        )
        raise UserError(
            f"features={self.name} reads {self.kind}, the data '{manifest.name}' holds"
            f" {manifest.kind}: choose {fitting}"
        )

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """The number of features F."""

    @abc.abstractmethod
    def forward(self, stored: Tensor) -> Tensor:
        """The features of a batch.

        Shapes:
            stored: (B, C, H, W) uint8 or (B, D) float32 -> (B, F) float32
        """

    @classmethod
    def find_files(cls, settings: Mapping[str, Any], root: Path) -> list[Path]:
        """Find, or fetch, the files that `fit` will read: here none.

        Args:
            settings: the arguments of the class.
            root: what configured paths are relative to.

        Raises:
            UserError: one is not to be had; where it is from and where to put it is said.
        """
        return []

    def fit(self, data: PreparedData, root: Path) -> dict[str, float]:
        """Train the extractor, or find its weights.

        Args:
            data: what to train on; the held-out split is only for the returned figures.
            root: what configured paths are relative to.

        Returns:
            Figures to report, such as an accuracy.

        Raises:
            UserError: the data or the files do not serve; another choice is named.
        """
        return {}

    @property
    def digest(self) -> str:
        """A digest of the extractor; equal digests give equal features."""
        return weight_files.digest(self, self.name, self.resize)

    @property
    def is_standard_inception(self) -> bool:
        """Whether a distance on these features may be called FID or KID."""
        return False

    def class_logits(self, features: np.ndarray) -> np.ndarray | None:
        """The logits of the network's own classes, from features that it gave.

        None where it sorts nothing into classes.

        Shapes:
            features: (N, F) -> (N, K)
        """
        return None

    @property
    def device(self) -> torch.device:
        """Where it runs: a large one on a GPU if there is one."""
        if self.is_small or not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", distributed.local_rank() % torch.cuda.device_count())

    def save(self, path: Path) -> None:
        weight_files.save(self, path)

    def load(self, path: Path) -> None:
        """Load what `save` wrote.

        Raises:
            UserError: the file is missing or of another network.
        """
        weight_files.load(self, path, remedy=AGAIN)


def find_files(features: Mapping[str, Any], root: Path) -> list[Path]:
    """The files that the extractor of a configuration reads; see `Extractor.find_files`.

    Args:
        features: the section of the configuration.
        root: what paths in it are relative to.
    """
    own = {key: value for key, value in features.items() if not isinstance(value, dict)}
    return class_of(own, Extractor).find_files(own, root)


def extract(extractor: Extractor, stored: np.ndarray, desc: str) -> np.ndarray:
    """The features of a whole set, in batches under a bar.

    Shapes:
        stored: (N, *D) -> (N, F) float32
    """
    group = at_work()
    features = np.empty((len(stored), extractor.dimension), np.float32)
    for start, found in _batches(extractor, stored, desc, group):
        features[start : start + len(found)] = found
    group.complete(features, extractor.batch)
    return features


def extract_to(
    path: Path, extractor: Extractor, stored: np.ndarray, desc: str
) -> np.ndarray:
    """As `extract`, into a .npy file, which comes back mapped: it may be of any length.

    Processes that share the work write into one file.
    """
    group = at_work()
    if group.rank == 0:
        create_rows(path, np.float32, (len(stored), extractor.dimension))
    group.wait()
    for start, found in _batches(extractor, stored, desc, group):
        write_rows(path, start, found)
    group.wait()
    features: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return features


def _batches(
    extractor: Extractor, stored: np.ndarray, desc: str, group: Group
) -> Iterator[tuple[int, np.ndarray]]:
    """The features of each of this process's batches, (B, F) float32, and its first row."""
    extractor.eval().to(extractor.device)
    unit, size = extractor.kind.removesuffix("s"), extractor.batch
    starts = range(group.rank * size, len(stored), group.world_size * size)
    own = sum(min(size, len(stored) - start) for start in starts)
    threads = single_thread() if extractor.is_small else contextlib.nullcontext()
    bar = tqdm(total=own, desc=desc, unit=unit, disable=group.rank > 0)
    with torch.inference_mode(), threads, bar:
        for start in starts:
            # A copy: torch does not take read-only arrays.
            chunk = np.array(stored[start : start + size])
            found = extractor(torch.from_numpy(chunk).to(extractor.device))
            release(stored)
            yield start, found.cpu().numpy()
            bar.update(len(chunk))
