"""The folder of the reference: written whole, read back, bound to its data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.damage import flip

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256, write_json
from snowmelt.common.records import read_record, write_record
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_features
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.reference_features import Reference

PLAN = {"steps": 20, "batch_size": 32, "learning_rate": 0.01}
JUDGE = {
    "_target_": "snowmelt.features.IndependentClassifier",
    "seed": 1,
    **PLAN,
}
CLASSIFIER = {
    "_target_": "snowmelt.features.Classifier",
    "seed": 0,
    **PLAN,
    "independent_classifier": JUDGE,
}
RANDOM = {
    "_target_": "snowmelt.features.RandomConv",
    "seed": 0,
    "independent_classifier": JUDGE,
}
COORDINATES = {
    "_target_": "snowmelt.features.Coordinates",
    "independent_classifier": None,
}


def write(folder: Path, data: PreparedData, features: dict[str, Any]) -> Reference:
    reference_features.write(folder, data, features, folder.parent)
    return Reference.open(folder, data.manifest)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_written_and_read_back(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    found = write(tmp_path / "r", data, CLASSIFIER)
    assert sorted(content(tmp_path / "r")) == [
        "extractor.pt",
        "held_out_features.npy",
        "held_out_probabilities.npy",
        "judge.pt",
        "reference.json",
        "statistics.npz",
        "train_features.npy",
    ]
    assert (len(found.train), len(found.held_out)) == (len(data.train), len(data.held_out))
    assert np.array_equal(extract(found.extractor, data.train, "test"), found.train)
    assert found.independent_classifier is not None
    again = found.independent_classifier.probabilities(data.held_out)
    assert np.array_equal(again, found.held_out_probabilities)
    assert np.array_equal(found.statistics.mean, Statistics.of(found.train).mean)
    floor = frechet_distance(Statistics.of(found.held_out), Statistics.of(found.train))
    assert found.description["floor"] == pytest.approx(floor)


def test_description(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    found = write(tmp_path / "r", data, CLASSIFIER)
    said = found.description
    assert said["extractor"]["name"] == "classifier"
    assert said["extractor"]["digest"] == found.extractor.digest
    assert said["extractor"]["dimension"] == 64
    assert said["judge"]["digest"] == found.independent_classifier.digest  # type: ignore[union-attr]
    assert set(said["figures"]) >= {"extractor_accuracy", "judge_accuracy"}
    shares = np.bincount(data.train_labels) / len(data.train)
    assert said["class_shares"] == pytest.approx(shares)


def test_the_same_bytes_again(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    for name in ("one", "two"):
        write(tmp_path / name, data, CLASSIFIER)
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.parametrize("classes", [0, 1])
def test_no_judge_where_there_is_nothing_to_judge(
    make_images: Callable, tmp_path: Path, classes: int
) -> None:
    found = write(tmp_path / "r", make_images(classes=classes), RANDOM)
    assert found.independent_classifier is None
    assert found.held_out_probabilities is None


def test_no_judge_if_none_is_wanted(make_images: Callable, tmp_path: Path) -> None:
    assert (
        write(
            tmp_path / "r", make_images(), RANDOM | {"independent_classifier": None}
        ).independent_classifier
        is None
    )
    assert write(tmp_path / "s", make_images(), RANDOM).independent_classifier is not None


def test_points(make_points: Callable, tmp_path: Path) -> None:
    data = make_points(dimension=1)
    found = write(tmp_path / "r", data, COORDINATES)
    assert found.train.shape == data.train.shape
    assert found.statistics.covariance.shape == (1, 1)


def test_a_failure_leaves_the_old_one(make_images: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    write(folder, make_images(), RANDOM)
    before = content(folder)
    with pytest.raises(UserError, match="features=random_conv"):
        reference_features.write(folder, make_images(classes=1), CLASSIFIER, tmp_path)
    assert content(folder) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".r")]


def test_a_folder_of_others_is_not_replaced(make_images: Callable, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "photo.jpg").touch()
    with pytest.raises(UserError, match=r"holds no reference\.json"):
        reference_features.write(tmp_path / "r", make_images(), RANDOM, tmp_path)
    assert (tmp_path / "r" / "photo.jpg").exists()


def test_other_data(make_images: Callable, tmp_path: Path) -> None:
    write(tmp_path / "r", make_images(), RANDOM)
    other = make_images(seed=1, name="others").manifest
    with pytest.raises(UserError, match=r"made from other data than the prepared 'others'"):
        Reference.open(tmp_path / "r", other)
    assert other.digest != make_images().manifest.digest
    assert make_images(name="copy").manifest.digest == make_images().manifest.digest


@pytest.mark.parametrize(
    "name",
    ["reference.json", "extractor.pt", "judge.pt", "statistics.npz", "train_features.npy"],
)
def test_missing_and_damaged_files(
    make_images: Callable, tmp_path: Path, name: str
) -> None:
    data = make_images()
    write(tmp_path / "r", data, RANDOM)
    path = tmp_path / "r" / name
    path.write_bytes(b"junk")
    with pytest.raises(UserError, match=rf"{name} .*`snowmelt reference`"):
        Reference.open(tmp_path / "r", data.manifest)
    path.unlink()
    with pytest.raises(UserError, match=rf"{name} .*`snowmelt reference`"):
        Reference.open(tmp_path / "r", data.manifest)


def test_weights_of_another_reference(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    write(tmp_path / "one", data, RANDOM)
    write(tmp_path / "two", data, RANDOM | {"seed": 1})
    (tmp_path / "one/extractor.pt").write_bytes(
        (tmp_path / "two/extractor.pt").read_bytes()
    )
    with pytest.raises(UserError, match=r"extractor\.pt is not as `snowmelt reference`"):
        Reference.open(tmp_path / "one", data.manifest)


def test_features_and_statistics_of_another_reference_are_refused(
    make_images: Callable, tmp_path: Path
) -> None:
    """Also where the digests have been made to fit: numbers of another form are refused."""
    data = make_images()
    write(tmp_path / "one", data, RANDOM)
    write(tmp_path / "two", data, RANDOM | {"seed": 1})
    for name in ("train_features.npy", "held_out_features.npy", "statistics.npz"):
        path = tmp_path / "one" / name
        own = path.read_bytes()
        path.write_bytes((tmp_path / "two" / name).read_bytes())
        with pytest.raises(UserError, match=rf"{name} is not as `snowmelt reference`"):
            Reference.open(tmp_path / "one", data.manifest)
        path.write_bytes(own)
    path = tmp_path / "one" / "train_features.npy"
    np.save(path, np.zeros((3, 2)))
    said = read_record(path.with_name("reference.json"), made_by="reference")
    said["digests"][path.name] = sha256(path)
    write_record(path.with_name("reference.json"), said)
    with pytest.raises(UserError, match=r"holds float64 of shape \(3, 2\)"):
        Reference.open(tmp_path / "one", data.manifest)


def test_a_reference_of_other_settings_is_refused(
    make_images: Callable, tmp_path: Path
) -> None:
    data = make_images()
    write(tmp_path / "r", data, RANDOM)
    Reference.open(tmp_path / "r", data.manifest, RANDOM)
    with pytest.raises(UserError, match=r"features\.seed=.*the configuration says 1.*run"):
        Reference.open(tmp_path / "r", data.manifest, RANDOM | {"seed": 1})


def test_a_reference_of_before_is_made_again(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    write(tmp_path / "r", data, RANDOM)
    path = tmp_path / "r" / "reference.json"
    said = read_record(path, made_by="reference")
    del said["digests"]
    write_json(path, said)
    with pytest.raises(UserError, match=r"reference\.json .*run `snowmelt reference`"):
        Reference.open(tmp_path / "r", data.manifest)


def test_damaged_data_leaves_no_reference(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    flip(data.folder / "images.npy")
    with pytest.raises(UserError, match=r"images\.npy is not as `snowmelt prepare` wrote"):
        write(tmp_path / "r", data, RANDOM)
    assert not (tmp_path / "r").exists()


def test_a_description_builds_only_extractors(
    make_images: Callable, tmp_path: Path
) -> None:
    data = make_images()
    write(tmp_path / "r", data, RANDOM)
    path = tmp_path / "r" / "reference.json"
    for target in (
        "os.system",
        "snowmelt.evaluation.features.independent_classifier.IndependentClassifier",
    ):
        said = read_record(path, made_by="reference")
        said["extractor"]["config"]["_target_"] = target
        write_record(path, said)
        with pytest.raises(UserError, match="_target_"):
            Reference.open(tmp_path / "r", data.manifest)
