"""Strips above each other."""

from __future__ import annotations

import numpy as np

from snowmelt.viz.density_gallery.strips import stacked_strips


def test_each_cloud_has_a_strip_of_its_own():
    frames = np.zeros((3, 5, 2))
    frames[:, :, 0] = np.linspace(-1, 1, 5)
    times = np.array([1.0, 0.5, 0.0])
    one = stacked_strips([frames], ["a"], times, columns=3)
    two = stacked_strips([frames, frames], ["a", "a"], times, columns=3)
    assert two.size == (one.width, 2 * one.height)
    pixels = np.asarray(two)
    assert np.array_equal(pixels[: one.height], np.asarray(one))
    assert np.array_equal(pixels[one.height :], np.asarray(one))
    other = stacked_strips([frames], ["b"], times, columns=3)
    assert not np.array_equal(np.asarray(other), np.asarray(one)), "the title is drawn"
