"""What samples come from: the guidance, as its request says, and the way to store them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.tiny_models import generator, images, points

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.scaling import to_stored
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.samplers.loop import sample


def test_a_sample_is_that_of_the_loop_as_the_data_is_stored() -> None:
    asked = generator(points())
    index = torch.tensor([5, 2])
    x = sample(asked.denoiser, asked.request.sampler, index, (2,), seed=0)
    expected = to_stored(x, asked.manifest).numpy()
    np.testing.assert_array_equal(asked.draw(index), expected)
    assert asked.draw(index).dtype == np.float32
    np.testing.assert_array_equal(asked.draw(torch.tensor([2])), expected[1:])


def test_images_come_as_levels() -> None:
    drawn = generator(images()).draw(torch.arange(3))
    assert drawn.dtype == np.uint8
    assert drawn.shape == (3, 1, 4, 4)


def test_a_compiled_network_draws_where_there_is_one() -> None:
    plain = generator(points())
    other = replace(generator(points()), denoiser=generator(points(), classes=2).denoiser)
    both = replace(plain, compiled=other.denoiser)
    index = torch.arange(3)
    np.testing.assert_array_equal(both.draw(index), other.draw(index))
    np.testing.assert_array_equal(both.uncompiled().draw(index), plain.draw(index))


def test_the_network_is_built_before_anything_is_drawn() -> None:
    request = generator(points()).request
    object.__setattr__(request, "weights", "best")
    with pytest.raises(UserError, match=r"sample\.weights=best: .* no such weights"):
        Generator.on(torch.device("cpu"), request)
