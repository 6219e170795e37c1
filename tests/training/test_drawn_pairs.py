"""Pairs that an earlier flow drew: read either way round, held back, and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.sampling.exact_flows import STRAIGHT

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.randomness import Stream, normal
from snowmelt.common.records import read_record, write_record
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.row_order import RowOrder
from snowmelt.data.prepared.scaling import to_model, to_stored
from snowmelt.data.prepared.start_points import FOLDER, StartPoints
from snowmelt.diffusion.interpolants import Straight
from snowmelt.training.couplings import Paired
from snowmelt.training.drawn_pairs import DrawnPairs
from snowmelt.training.pairs import Pairs
from snowmelt.training.resume import training_identity
from snowmelt.training.step_draws import StepDraws

COUNT = 40  # of samples


def written(folder: Path, near: np.ndarray, far: np.ndarray) -> Path:
    """Prepared data with starts beside it."""
    dataset.write(folder, examples=near, name="near")
    dataset.write(folder / FOLDER, examples=far, name="far")
    return folder


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A hundred points, and sixty others five times as wide to begin with."""
    drawn = np.random.default_rng(0)
    near, far = drawn.normal(size=(100, 2)), 9.0 + 5.0 * drawn.normal(size=(60, 2))
    return written(tmp_path / "there", near.astype("float32"), far.astype("float32"))


@pytest.fixture
def back(there: Path, tmp_path: Path) -> Path:
    """The same two with their places exchanged, as they were prepared."""
    near, far = (np.load(folder / "points.npy") for folder in (there, there / FOLDER))
    manifests = [opened(there)[0].manifest, opened(there)[1].data.manifest]
    folder = written(tmp_path / "back", far, near)
    for place, rows, manifest in zip(
        (folder / FOLDER, folder), (near, far), manifests, strict=True
    ):
        # The order of the rows is that of the first.
        np.save(place / "points.npy", rows)
        said = manifest.to_dict()
        said["digests"] = {"points.npy": sha256(place / "points.npy")}
        write_record(place / "manifest.json", said)
    return folder


def opened(folder: Path) -> tuple[PreparedData, StartPoints]:
    data = PreparedData.open(folder)
    return data, StartPoints.open(folder, data.manifest)


@pytest.fixture
def samples(there: Path, tmp_path: Path) -> Path:
    """What a flow from far to near drew of its first training starts."""
    data, starts = opened(there)
    folder = tmp_path / "pairs"
    folder.mkdir()
    np.save(folder / "samples.npy", (starts.data.train[:COUNT] - 9.0) / 5.0)
    noted(folder, data=data.manifest.digest, start=starts.data.manifest.digest)
    return folder


def noted(folder: Path, **said: Any) -> None:
    array = folder / "samples.npy"
    facts = {"num_samples": len(np.load(array)), "digest": sha256(array), "seed": 0}
    write_record(folder / "samples.json", {"starts": "training", **facts, **said})


def drawn_by(coupled: DrawnPairs, step: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Data and starts of a step of six, as a training takes them."""
    slot = torch.arange(6)
    order = RowOrder(len(coupled.data.train), seed=3, stream=Stream.DATA_ORDER)
    rows = coupled.data.train[order.rows(step * 6 + slot.numpy())]
    x_0 = to_model(torch.from_numpy(rows), coupled.data.manifest)
    pairs = Pairs(Paired("x"), Straight(), batch_size=6, drawn=coupled.starts)
    t = torch.full((6,), 0.5, dtype=torch.float64)
    ends = pairs.ends(STRAIGHT, x_0, t, StepDraws(3, step, slot))
    return ends.x_0, ends.x_1


@pytest.mark.parametrize("step", [0, 7])
def test_a_flow_of_the_same_way_has_the_samples_for_its_data(
    there: Path, samples: Path, step: int
) -> None:
    data, starts = opened(there)
    found = DrawnPairs.open(samples, data, starts)
    x_0, x_1 = drawn_by(found, step)
    unit, centre = data.manifest.std, torch.tensor(data.manifest.mean)
    assert unit is not None
    torch.testing.assert_close(
        x_0 * unit + centre, (x_1 * unit + centre - 9.0) / 5.0, rtol=1e-4, atol=1e-4
    )
    assert found.data.manifest == data.manifest, "its unit and digest are the data's own"


def test_a_flow_of_the_way_back_has_them_for_its_starts(back: Path, samples: Path) -> None:
    data, starts = opened(back)
    found = DrawnPairs.open(samples, data, starts)
    x_0, x_1 = drawn_by(found)
    unit, centre = data.manifest.std, torch.tensor(data.manifest.mean)
    assert unit is not None
    real = x_0 * unit + centre
    torch.testing.assert_close(
        x_1 * unit + centre, (real - 9.0) / 5.0, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_array_equal(found.data.train, data.train[:36])


def test_the_last_pairs_are_held_back(there: Path, samples: Path) -> None:
    data, starts = opened(there)
    found = DrawnPairs.open(samples, data, starts)
    whole = np.load(samples / "samples.npy")
    np.testing.assert_array_equal(found.data.train, whole[:36])
    np.testing.assert_array_equal(found.data.held_out, whole[36:])
    index = torch.arange(4)
    pairs = Pairs(Paired("x"), Straight(), drawn=found.starts)
    x_0 = to_model(torch.from_numpy(np.array(found.data.held_out)), data.manifest)
    t = torch.full((4,), 0.5, dtype=torch.float64)
    ends = pairs.held_out_ends(STRAIGHT, x_0, t, index)
    expected = to_model(torch.from_numpy(starts.data.train[36:40]), data.manifest)
    assert torch.equal(ends.x_1, expected)


def test_noise_is_drawn_again_where_a_flow_began_in_it(there: Path, tmp_path: Path) -> None:
    """A flow that doubles its noise: half of each sample is the start of its pair."""
    data, _ = opened(there)
    noise = normal((2,), seed=11, stream=Stream.SAMPLING_START, index=torch.arange(COUNT))
    folder = tmp_path / "from noise"
    folder.mkdir()
    np.save(folder / "samples.npy", to_stored(2.0 * noise, data.manifest).numpy())
    noted(folder, data=data.manifest.digest, seed=11, starts=None)
    found = DrawnPairs.open(folder, data, None)
    for step in (0, 7):
        x_0, x_1 = drawn_by(found, step)
        torch.testing.assert_close(x_0, 2.0 * x_1, rtol=1e-4, atol=1e-4)
    index, t = torch.arange(4), torch.full((4,), 0.5, dtype=torch.float64)
    x_0 = to_model(torch.from_numpy(np.array(found.data.held_out)), data.manifest)
    pairs = Pairs(Paired("x"), Straight(), drawn=found.starts)
    ends = pairs.held_out_ends(STRAIGHT, x_0, t, index)
    torch.testing.assert_close(ends.x_0, 2.0 * ends.x_1, rtol=1e-4, atol=1e-4)
    assert not pairs.is_diffusion(), "its noise is not independent of the data"
    with pytest.raises(UserError, match="between other data than near and far"):
        DrawnPairs.open(folder, *opened(there))


def test_the_samples_and_their_side_decide_the_training(
    there: Path, back: Path, samples: Path, settings_of: Any
) -> None:
    first = DrawnPairs.open(samples, *opened(there))
    other = DrawnPairs.open(samples, *opened(back))
    assert first.digest != other.digest
    paired = {"_target_": "snowmelt.couplings.Paired", "samples": str(samples)}
    moved = paired | {"samples": "elsewhere"}
    manifest = opened(there)[0].manifest
    one, two = (settings_of(coupling=section) for section in (paired, moved))
    assert training_identity(one, manifest, pairs="a") == training_identity(
        two, manifest, pairs="a"
    ), "where they lie decides nothing"
    assert training_identity(one, manifest, pairs="a") != training_identity(
        one, manifest, pairs="b"
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"starts": "held_out"},
            r"do not begin at training starts.*sample.starts=training",
        ),
        ({"data": "0" * 64}, "were drawn between other data than near and far"),
        ({"start": "0" * 64}, "were drawn between other data than near and far"),
        ({"num_samples": 39}, r"samples.npy is float32 \(40, 2\), and its record says"),
        ({"digest": "0" * 64}, "is not as `snowmelt sample` wrote it"),
        ({"start": None}, "were drawn between other data than near and far"),
        ({"examples": "e"}, "were drawn between other data than near and far"),
        ({"seed": None}, "has seed=None"),
    ],
)
def test_what_are_no_pairs_of_these_data_is_refused(
    there: Path, samples: Path, said: dict[str, Any], why: str
) -> None:
    noted(samples, **read_record(samples / "samples.json", made_by="sample") | said)
    with pytest.raises(UserError, match=why):
        DrawnPairs.open(samples, *opened(there))


def test_a_flow_of_a_data_set_to_itself_has_no_two_sides(
    tmp_path: Path, samples: Path
) -> None:
    near = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    data, starts = opened(written(tmp_path / "same", near, near))
    digest = data.manifest.digest
    assert digest == starts.data.manifest.digest
    noted(samples, data=digest, start=digest)
    with pytest.raises(UserError, match="data and starts are the same examples"):
        DrawnPairs.open(samples, data, starts)


def test_too_few_and_more_than_there_are_starts_are_refused(
    there: Path, samples: Path
) -> None:
    record = read_record(samples / "samples.json", made_by="sample")
    for count in (3, 49):
        np.save(samples / "samples.npy", np.zeros((count, 2), np.float32))
        noted(samples, data=record["data"], start=record["start"])
        why = f"holds {count} samples: draw 4 at least, and no more than the 48 training"
        with pytest.raises(UserError, match=why):
            DrawnPairs.open(samples, *opened(there))
