"""Data: sources, the prepared form, and the only way between stored and model values.

The sources are imported when one is asked for: training reads the prepared form alone.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "Array": "sources.array",
    "Board": "sources.toy.checkerboard",
    "CelebA": "sources.celeba",
    "Checkerboard": "sources.toy.checkerboard",
    "Cifar10": "sources.cifar10",
    "Digits": "sources.digits",
    "DoubleGaussian": "sources.toy.double_gaussian_points",
    "FashionMnist": "sources.fashion_mnist",
    "Folder": "sources.folder",
    "HuggingFace": "sources.hugging_face",
    "ImageSource": "sources.image_source",
    "Known": "sources.toy.density_draws",
    "Llama": "sources.toy.llama",
    "LlamaDensity": "sources.toy.llama",
    "Mnist": "sources.mnist",
    "PictureFile": "picture_density",
    "PreparedData": "prepared.dataset",
    "Rings": "sources.toy.curves",
    "Source": "sources.source",
    "Spiral": "sources.toy.curves",
    "SwissRoll": "sources.toy.curves",
    "TwoMoons": "sources.toy.curves",
    "to_model": "prepared.scaling",
    "to_stored": "prepared.scaling",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"snowmelt.data has no {name}: {', '.join(_MODULES)}")
    return getattr(importlib.import_module(f"snowmelt.data.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
