from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from PIL import Image

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz import style
from snowmelt.viz.animation import chain_animation
from snowmelt.viz.plots import markov_chains
from snowmelt.viz.style import BLUE, VERMILLION

RASTER = Raster(np.random.default_rng(1).random((1, 6, 8)), (-9.0, 9.0, -6.0, 6.0))


@pytest.fixture
def states() -> np.ndarray:
    steps = np.random.default_rng(0).standard_normal((40, 5, 2))
    return np.clip(0.5 * steps.cumsum(0), -5.9, 5.9)


def offsets(collection) -> np.ndarray:
    return np.ma.filled(collection.get_offsets(), np.nan)


def test_the_plane_shows_all_places_and_the_first_chain(states):
    figure = markov_chains.chains_on_density({"one": states, "two": -states}, raster=RASTER)
    above = figure.axes[:2]
    assert [axes.get_title("left") for axes in above] == ["one", "two"]
    for axes, found in zip(above, (states, -states), strict=True):
        visited, start = axes.collections
        assert np.allclose(offsets(visited), found.reshape(-1, 2))
        assert np.allclose(visited.get_facecolor()[0, :3], to_rgba(BLUE)[:3])
        (line,) = axes.lines
        assert np.allclose(
            np.column_stack(line.get_data()), found[: markov_chains.LINED, 0]
        )
        assert np.allclose(offsets(start), found[:1, 0])
        assert np.allclose(start.get_facecolor()[0], to_rgba(VERMILLION))
        assert (*axes.get_xlim(), *axes.get_ylim()) == RASTER.extent
        assert len(axes.images) == 1


def test_traces_stand_over_the_density_of_the_coordinate(states):
    figure = markov_chains.chains_on_density({"one": states}, raster=RASTER, traced=3)
    below = figure.axes[1]
    assert len(below.lines) == 3
    for line, path in zip(below.lines[::-1], states[:, :3, 0].T, strict=True):
        assert line.get_xdata().tolist() == list(range(1, 41))
        assert np.allclose(line.get_ydata(), path)
    assert len({line.get_color() for line in below.lines}) == 3
    shares = RASTER.values[0].sum(axis=0)
    (image,) = below.images
    assert np.allclose(image.get_array()[:, 0], np.sqrt(shares / shares.max()))
    assert tuple(image.get_extent()) == (0.0, 40.0, -9.0, 9.0)
    assert below.get_ylim() == (-9.0, 9.0)


@pytest.mark.parametrize(
    "extent",
    [
        (-1.298, 1.349, -1.334, 1.313),  # ticks by the panel's size would become wider
        (-1.2, 1.2, -0.6, 0.6),
        (-1000.0, 1000.0, -1700.0, 1700.0),
    ],
)
def test_nothing_is_cut_at_the_edges(states, extent):
    raster = Raster(np.ones((1, 2, 2)), extent)
    scaled = states * extent[1] / 9.0
    figure = markov_chains.chains_on_density({"one": scaled, "two": scaled}, raster=raster)
    with Image.open(io.BytesIO(style.png_bytes(figure))) as picture:
        ink = np.asarray(picture.convert("L")) < 250
    assert ink.any()
    assert not ink[:3].any()
    assert not ink[-3:].any()
    assert not ink[:, :3].any()
    assert not ink[:, -3:].any()


@pytest.mark.parametrize("shape", [(1, 1, 2), (5, 0, 2), (5, 3, 1), (5, 3, 4)])
@pytest.mark.parametrize("factor", [1.0, 1e300, np.nan])
def test_any_shape_and_any_value_is_drawn(tmp_path, shape, factor):
    states = factor * np.random.default_rng(0).standard_normal(shape)
    figure = markov_chains.chains_on_density({"one": states})
    assert len(style.png_bytes(figure)) > 1000
    if factor != 1.0:
        chain_animation.chain_animation(
            tmp_path / "film.gif", {"one": states}, raster=RASTER
        )


def test_the_same_chains_give_the_same_bytes(states):
    one, two = (
        markov_chains.chains_on_density({"x": states}, raster=RASTER) for _ in range(2)
    )
    assert style.png_bytes(one) == style.png_bytes(two)


def test_shapes_that_do_not_fit_are_refused(tmp_path, states):
    with pytest.raises(ValueError, match="chains of a kernel, got none"):
        markov_chains.chains_on_density({})
    with pytest.raises(ValueError, match=r"\(steps, chains, D\).*\(40, 2\) of walk"):
        markov_chains.chains_on_density({"walk": states[:, 0]})
    with pytest.raises(ValueError, match=r"equally long, got \[10, 40\]"):
        chain_animation.chain_animation(tmp_path / "x.gif", {"a": states, "b": states[:10]})
    moving = Raster(np.ones((3, 2, 2)), (0, 1, 0, 1))
    with pytest.raises(ValueError, match=r"\(3, 2, 2\)"):
        markov_chains.chains_on_density({"a": states}, raster=moving)
