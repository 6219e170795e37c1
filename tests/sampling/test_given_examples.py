"""What samples answer to: held-out starts, or what was measured of held-out examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny_models import generator, images
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.data.prepared import dataset, degraded_rows
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.data.prepared.start_points import FOLDER, StartPoints
from snowmelt.diffusion.operators import Downsample
from snowmelt.sampling import given_examples, picture_arrays
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.guidance import Inpainting, Measurement
from snowmelt.sampling.guidance.guidance import Conditioning
from snowmelt.sampling.guidance.masks import Side
from snowmelt.sampling.samplers import Heun

BY = {"_target_": "snowmelt.operators.Downsample", "factor": 2}


def prepared(folder: Path) -> PreparedData:
    levels = np.random.default_rng(0).integers(0, 17, (25, 1, 4, 4)).astype(np.uint8)
    dataset.write(folder, examples=levels, name="noise", value_range=(0, 16))
    data = PreparedData.open(folder)
    degraded_rows.write(folder / FOLDER, data, Downsample(2), {"by": BY})
    return data


def flow(data: PreparedData, noise_std: float, count: int = 4) -> Generator:
    """A network that nobody trained, which begins at degraded images."""
    section = {"by": BY, "noise_std": noise_std}
    starts = StartPoints.open(data.folder, data.manifest, section)
    made = generator(images(), sampler=Heun(3), count=count)
    made.denoiser.start, made.denoiser.has_score = starts, False

    def real(index: Tensor) -> Tensor:
        rows = (index % len(data.held_out)).numpy()
        return to_model(torch.from_numpy(data.held_out[rows]), data.manifest)

    conditioning = Conditioning(
        data.manifest.shape, examples=real, examples_count=len(data.held_out)
    )
    request = replace(made.request, starts=starts, conditioning=conditioning)
    return replace(made, request=request)


def test_answers_to_one_image_are_whole_rounds_apart(tmp_path: Path) -> None:
    asked = flow(prepared(tmp_path), 0.5)
    given = asked.request.given
    assert given is not None
    index = given.answered(asked.request.num_samples)
    assert index.shape == (4, given_examples.ANSWERS)
    assert (index % 5 == torch.arange(4)[:, None]).all()
    assert len(index.unique()) == index.numel()
    found = picture_arrays.answers(asked, given)
    held_out = PreparedData.open(tmp_path).held_out[:4]
    np.testing.assert_array_equal(found["real"], held_out)
    means = held_out.reshape(4, 1, 2, 2, 2, 2).astype(float).mean(axis=(3, 5))
    np.testing.assert_array_equal(found["given"][..., ::2, ::2], np.rint(means))
    # The first of them is the sample itself, and the others are others.
    assert found["answers"].shape == (4, given_examples.ANSWERS, 1, 4, 4)
    np.testing.assert_array_equal(found["answers"][:, 0], asked.draw(torch.arange(4)))
    assert (found["answers"][:, 1] != found["answers"][:, 0]).any()


def test_without_chance_there_is_one_answer(tmp_path: Path) -> None:
    asked = flow(prepared(tmp_path), 0.0)
    given = asked.request.given
    assert given is not None
    assert given.answered(4).tolist() == [[0], [1], [2], [3]]
    assert picture_arrays.answers(asked, given)["answers"].shape == (4, 1, 1, 4, 4)


def test_a_start_is_drawn_from_again_where_chance_has_a_say(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    assert flow(data, 0.5, count=12).request.num_samples == 12
    with pytest.raises(UserError, match="num_samples=12 is more than the 5 held-out"):
        flow(data, 0.0, count=12)


def test_a_request_says_by_what_its_starts_were_degraded(tmp_path: Path) -> None:
    request = flow(prepared(tmp_path), 0.5).request
    assert request.describe()["degraded_by"] == {"_target_": BY["_target_"], "factor": 2}
    assert "degraded_by" not in generator(images()).request.describe()


def test_a_measurement_is_given_and_a_hidden_part_is_no_measurement(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    conditioning = flow(data, 0.0).request.conditioning
    measured = generator(
        images(), guidance=Measurement(Downsample(2), 0.0), conditioning=conditioning
    ).request
    given = measured.given
    assert given is not None
    assert given.count == 5
    index = torch.arange(3)
    wide = Downsample(2)(conditioning.real(index)).repeat_interleave(2, -1)
    torch.testing.assert_close(given.seen(index), wide.repeat_interleave(2, -2))
    assert given.answered(30).shape == (5, given_examples.ANSWERS)
    hidden = generator(images(), guidance=Inpainting(Side(0.5)), conditioning=conditioning)
    assert hidden.request.given is None
    assert generator(images()).request.given is None
