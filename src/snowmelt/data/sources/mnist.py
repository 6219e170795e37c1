"""MNIST: 70,000 handwritten digits of 28x28 pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from snowmelt.data.sources.idx_files import IdxFiles


@dataclass(frozen=True, kw_only=True)
class Mnist(IdxFiles):
    """MNIST with its official split; see `IdxFiles`. The mirrors are torchvision's.

    References:
        LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to
        document recognition".
    """

    title = "MNIST"
    digests: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    }
    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    )
    downloads = Path("data/downloads/mnist")
    names = tuple("0123456789")
