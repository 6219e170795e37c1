"""Fashion-MNIST: 70,000 grey pictures of clothes in ten classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from snowmelt.data.sources.idx_files import IdxFiles


@dataclass(frozen=True, kw_only=True)
class FashionMnist(IdxFiles):
    """Fashion-MNIST with its official split; see `IdxFiles`.

    References:
        Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747.
    """

    title = "Fashion-MNIST"
    digests: ClassVar[dict[str, str]] = {
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
    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    )
    downloads = Path("data/downloads/fashion_mnist")
    debian = Path("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist"
    names = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
