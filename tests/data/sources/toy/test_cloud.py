"""What every cloud of conf/data keeps, found there by its module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from scipy.stats import ks_2samp

from snowmelt.common import public_names
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.sources.toy.cloud import Cloud

CONF = Path(__file__).parents[4] / "conf" / "data"
FILES = [
    file
    for file in sorted(CONF.glob("*.yaml"))
    if issubclass(public_names.find(str(OmegaConf.load(file)["_target_"])), Cloud)
]
every_cloud = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def cloud(file: Path, **changes: object) -> Cloud:
    density = OmegaConf.load(CONF.parent / "density" / "double_gaussian.yaml")
    whole = OmegaConf.create({"data": OmegaConf.load(file), "density": density})
    return build(OmegaConf.merge(whole.data, changes), Cloud)


def test_they_are_all_there() -> None:
    names = {"llama", "two_moons", "swiss_roll", "checkerboard", "rings", "spiral"}
    assert names | {"double_gaussian"} <= {file.stem for file in FILES}


@every_cloud
def test_as_many_points_as_asked_for_and_the_first_are_held_out(file: Path) -> None:
    raw = cloud(file, count=50, held_out_count=20).read()
    assert raw.examples.shape == (70, 2)
    assert raw.examples.dtype == np.float32
    assert np.isfinite(raw.examples).all()
    assert raw.value_range is None
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [True] * 20 + [False] * 50


@every_cloud
def test_a_point_is_a_function_of_its_number(file: Path) -> None:
    source = cloud(file)
    whole, labels = source.draw(torch.arange(300))
    few, few_labels = source.draw(torch.tensor([7, 250, 3]))
    assert np.array_equal(few, whole[[7, 250, 3]])
    if labels is not None:
        assert few_labels is not None
        assert np.array_equal(few_labels, labels[[7, 250, 3]])
    more = cloud(file, count=2000, held_out_count=300).read()
    assert np.array_equal(more.examples[:300], whole.astype(np.float32))


@every_cloud
def test_no_point_comes_twice_and_seeds_differ(file: Path) -> None:
    one, two = (cloud(file, seed=seed).draw(torch.arange(500))[0] for seed in (0, 1))
    assert len(np.unique(one, axis=0)) == 500
    assert not np.intersect1d(one[:, 0], two[:, 0]).size


@every_cloud
def test_both_splits_are_of_one_distribution(file: Path) -> None:
    raw = cloud(file, count=4000, held_out_count=4000).read()
    out, train = raw.examples[:4000], raw.examples[4000:]
    error = 4 * raw.examples.std(axis=0) * np.sqrt(2 / 4000)
    assert (np.abs(out.mean(axis=0) - train.mean(axis=0)) < error).all()


@every_cloud
def test_labels_go_with_classes(file: Path) -> None:
    source = cloud(file)
    _, labels = source.draw(torch.arange(3000))
    assert (labels is None) == (source.classes is None)
    if labels is not None and source.classes is not None:
        assert labels.dtype == np.int64
        assert set(labels.tolist()) == set(range(len(source.classes)))
        assert len(set(source.classes)) == len(source.classes)


@every_cloud
def test_it_is_prepared_as_two_independent_splits(file: Path, tmp_path: Path) -> None:
    source = cloud(file, count=300, held_out_count=100)
    raw = source.read()
    dataset.write(
        tmp_path / "prepared",
        examples=raw.examples,
        labels=raw.labels,
        classes=raw.classes,
        name=source.name,
        held_out=raw.held_out,
        held_out_fraction=source.held_out_fraction,
        notes=raw.notes,
    )
    data = PreparedData.open(tmp_path / "prepared")
    assert (len(data.train), len(data.held_out)) == (300, 100)
    drawn = {point.tobytes() for point in raw.examples[:100]}
    assert {point.tobytes() for point in data.held_out} == drawn


@every_cloud
def test_its_points_follow_the_density_that_it_names(file: Path) -> None:
    source = cloud(file)
    density = source.density()
    if density is None:
        pytest.skip("its density is not known")
    points = torch.from_numpy(source.draw(torch.arange(20_000))[0])
    assert density.log_prob(points).isfinite().all()
    assert density.log_prob(points.float()).isfinite().all()
    own = density.sample(20_000, seed=1, dtype=torch.float64)
    # Along several lines, and by the level of the density.
    directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.6, -0.8]])
    for direction in directions.double():
        assert ks_2samp(points @ direction, own @ direction).pvalue > 1e-4
    levels = (density.log_prob(points), density.log_prob(own))
    error = 4 * float(levels[1].std()) * np.sqrt(2 / 20_000)
    loss = 0.028 if file.stem == "llama" else 0.0
    assert abs(float(levels[0].mean() - levels[1].mean())) <= error + loss + 1e-12


def test_known_densities_are_told() -> None:
    known = {file.stem for file in FILES if cloud(file).density() is not None}
    assert {"double_gaussian", "checkerboard", "llama", "density"} <= known
    assert "two_moons" not in known


@pytest.mark.parametrize(
    ("key", "value"),
    [("count", 1), ("held_out_count", 0), ("seed", -1), ("held_out_fraction", 0.2)],
)
def test_bad_values_name_their_key(key: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"[ .]{key} must be"):
        cloud(CONF / "two_moons.yaml", **{key: value})
