"""Reading pickles that hold arrays, and running nothing.

A pickle names functions to call. This unpickler finds the three that numpy's arrays are
made by, and refuses every other name before anything is called.
"""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

import numpy as np

_ARRAY = object()  # stands for the class, which nothing may call: it takes any size
_MADE_BY = {("numpy", "dtype"): np.dtype, ("numpy", "ndarray"): _ARRAY}
_RECONSTRUCT = ("numpy.core.multiarray", "numpy._core.multiarray"), "_reconstruct"


class _ArraysAlone(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _RECONSTRUCT[0] and name == _RECONSTRUCT[1]:
            return _empty_array
        if (module, name) in _MADE_BY:
            return _MADE_BY[module, name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")


def _empty_array(kind: object, shape: tuple[int, ...], _: Any) -> np.ndarray:
    """What numpy's own function gives: an array that takes its content later."""
    if kind is not _ARRAY or shape != (0,):
        raise pickle.UnpicklingError("an array that is not made as numpy makes them")
    return np.ndarray((0,), np.int8)


def read_arrays_alone(file: BinaryIO) -> Any:
    """The dicts, lists, numbers, texts and arrays of a pickle; texts of Python 2 as bytes.

    Raises:
        ValueError: it is damaged, or names anything else.
    """
    try:
        return _ArraysAlone(file, encoding="bytes").load()
    except Exception as error:  # damaged bytes raise nearly anything
        raise ValueError(f"no pickle of arrays: {error}") from error
