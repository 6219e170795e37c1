"""The stage evaluate: numbers with their protocol, or one clear error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from tests import sample_folders

from snowmelt.common.array_files import read_arrays, write_arrays
from snowmelt.common.errors import PictureWarning, UserError
from snowmelt.common.files import sha256
from snowmelt.common.instantiate import build, plain
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.sources.source import Source
from snowmelt.evaluation.ground_truth.score_error_table import COLUMNS
from snowmelt.evaluation.plane import truth_arrays
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.evaluation.settings import EvaluationSettings, LikelihoodSettings
from snowmelt.pipeline.stages import evaluate, prepare, reference
from snowmelt.training.checkpoint import Checkpoint, build_denoiser, save

CONF = Path(__file__).parents[3] / "conf"
MakeProject = Callable[..., DictConfig]


def likelihood(name: str) -> dict[str, Any]:
    """The section that a file of conf/likelihood/ makes."""
    file = CONF / "likelihood" / f"{name}.yaml"
    return LikelihoodSettings.of(plain(OmegaConf.load(file))).plain()


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    """A function that makes a project up to the stage before evaluate."""

    def make(kind: str = "images", features: str = "random_conv") -> DictConfig:
        random = np.random.default_rng(0)
        whole = OmegaConf.create(
            {
                "data": {"name": "some"},
                "features": OmegaConf.load(CONF / "features" / f"{features}.yaml"),
                "evaluation": EvaluationSettings().plain(),
                "likelihood": likelihood("none"),
                "sample": {"checkpoint": "model/model.ckpt", "device": "cpu"},
                "trainer": {"processes": 1, "num_nodes": 1},
                "paths": {
                    "prepared": "prepared",
                    "reference": "reference",
                    "samples": "samples",
                    "evaluation": "evaluation",
                    "reports": "reports",
                },
            }
        )
        config = OmegaConf.create(plain(whole))
        examples = random.integers(0, 17, (60, 1, 8, 8)).astype(np.uint8)
        given: dict[str, Any] = {"value_range": (0, 16)}
        if kind == "points":
            examples, given = random.normal(size=(60, 2)).astype(np.float32), {}
        dataset.write(
            tmp_path / "prepared",
            examples=examples,
            name="some",
            config=plain(config.data),
            **given,
        )
        reference.run(config, tmp_path)
        put(tmp_path / "samples", examples[:20])
        return config

    return make


def put(folder: Path, samples: np.ndarray, **changes: Any) -> None:
    """Samples of a model of the prepared data beside `folder`."""
    manifest = PreparedData.open(folder.parent / "prepared").manifest
    sample_folders.put(folder, samples, manifest, **changes)


def run(config: DictConfig, root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(evaluate.run(config, root).read_text())
    return found


def test_flat_numbers_and_a_protocol(project: MakeProject, tmp_path: Path) -> None:
    config = project()
    assert evaluate.run(config, tmp_path) == tmp_path / "reports" / "metrics.json"
    found = run(config, tmp_path)
    protocol = found.pop("protocol")
    assert all(value is None or isinstance(value, float) for value in found.values())
    assert not any(key.startswith("transport") for key in found)  # it begins with noise
    assert not (tmp_path / "evaluation" / "transport.npz").exists()
    assert found["frechet_distance"] > 0
    manifest = PreparedData.open(tmp_path / "prepared").manifest
    description = json.loads((tmp_path / "reference/reference.json").read_text())
    assert protocol == {
        "data": "some",
        "data_digest": description["data"],
        "reference_split": "training",
        "reference_count": manifest.train_count,
        "floor_split": "held-out",
        "floor_draws": "at random, none twice",
        "n": manifest.held_out_count,
        "subsets": 200,
        "kernel_subsets": 200,
        "kernel_subset_size": manifest.held_out_count // 2,
        "manifold": {
            "precision_neighbours": 3,
            "density_neighbours": 5,
            "examples": manifest.held_out_count,
        },
        "score_parts": 10,
        "evaluation_seed": 0,
        "extractor": "random_conv",
        "extractor_digest": description["extractor"]["digest"],
        "judge_digest": None,
        "resize": "none",
        "quantiser": "rounded to the nearest of 17 levels",
        "sampler": {"_target_": "snowmelt.samplers.DDIM", "steps": 50},
        "steps": 50,
        "guidance": {"_target_": "snowmelt.guidance.Unguided"},
        "guidance_examples": None,
        "evaluations": 50,
        "weights": "ema",
        "num_samples": 20,
        "sample_seed": 3,
        "samples_digest": sha256(tmp_path / "samples/samples.npy"),
        "checkpoint": "c",
        "checkpoint_step": 6000,
        "checkpoint_digest": "x",
        "digest": protocol_digest(protocol),
    }


MODEL = {
    "schedule": {"_target_": "snowmelt.schedules.Cosine"},
    "process": {"_target_": "snowmelt.processes.VariancePreserving"},
    "prediction": {"_target_": "snowmelt.predictions.V"},
    "net": {"_target_": "snowmelt.nets.MLP", "width": 4, "blocks": 1, "embedding": 2},
}


def put_model(root: Path, weight: float = 0.0) -> None:
    """A checkpoint, and samples that say that they come from it."""
    manifest = PreparedData.open(root / "prepared").manifest
    net = build_denoiser(MODEL, manifest.shape).net
    state = {name: torch.full_like(v, weight) for name, v in net.state_dict().items()}
    path = root / "model" / "model.ckpt"
    save(path, Checkpoint("c", 6000, MODEL, manifest, raw=state, ema=state))
    said = {"identity": "c", "step": 6000, "weights": "ema", "sha256": sha256(path)}
    put(root / "samples", np.load(root / "samples" / "samples.npy"), checkpoint=said)


def test_likelihoods_stand_beside_the_distances(
    project: MakeProject, tmp_path: Path
) -> None:
    config = project("points", "coordinates")
    put_model(tmp_path)
    without = run(config, tmp_path)
    terms = tmp_path / "reports" / "likelihood.csv"
    assert len(terms.read_text().splitlines()) == 1
    config.likelihood = likelihood("both")
    config.likelihood.bound.update(steps=10, strata=3)
    config.likelihood.ode.steps = 4
    found = run(config, tmp_path)
    assert len(terms.read_text().splitlines()) == 1 + 1 + 3 + 1
    assert found["likelihood"]["bound"]["steps"] == 10
    assert found["likelihood"]["ode"]["checkpoint"] == "c"
    assert found["bound_bits_per_dim"] != found["ode_bits_per_dim"]
    assert found["bound_bits_per_dim_se"] > 0
    each = read_arrays(tmp_path / "evaluation" / "by_example.npz")
    for key in ("bound_bits_per_dim", "ode_bits_per_dim"):
        assert each[key].mean() == pytest.approx(found[key], rel=1e-5)
    # How likelihoods are measured does not decide which distances may be ranked.
    assert found["protocol"] == without["protocol"]
    assert not [key for key in without if key.startswith(("bound", "ode", "likelihood"))]


KNOWN = {
    "_target_": "snowmelt.data.Known",
    "name": "some",
    "density": {"_target_": "snowmelt.densities.Gaussian", "mean": [3.0, 1.0], "std": 2.0},
    "count": 60,
    "held_out_count": 20,
}


def put_known(config: DictConfig, root: Path) -> None:
    """Data of a known density in place of the other, with a model and samples of it."""
    config.data = KNOWN
    config.evaluation.truth.update(points=20, level_points=10, levels=3, draws=50)
    raw = build(config.data, Source).read()
    dataset.write(
        root / "prepared",
        examples=raw.examples,
        name="some",
        held_out=raw.held_out,
        held_out_fraction=None,
        config=plain(config.data),
    )
    reference.run(config, root)
    put(root / "samples", raw.examples[:20])
    put_model(root)


def test_a_known_density_is_what_the_network_is_held_against(
    project: MakeProject, tmp_path: Path
) -> None:
    config = project("points", "coordinates")
    without = run(config, tmp_path)
    table = tmp_path / "reports" / "score_error.csv"
    assert len(table.read_text().splitlines()) == 1
    put_known(config, tmp_path)
    found = run(config, tmp_path)
    assert len(table.read_text().splitlines()) == 1 + 3
    new = found.keys() - without.keys()
    ends = ("", "_spread", "_training_points", "_training_points_spread")
    score = {f"score_error{end}" for end in ends}
    assert new == score | {"entropy_nats", "entropy_nats_se", "truth"}
    assert 1e-4 < found["score_error"] < 1.0
    assert found["truth"]["n"] == 20
    assert found["truth"]["training_points_count"] == 60
    assert found["truth"]["checkpoint"] == "c"
    # How the truth is told does not decide which distances may be ranked.
    config.evaluation.truth.seed = 1
    again = run(config, tmp_path)
    assert again["protocol"] == found["protocol"]
    assert again["truth"]["digest"] != found["truth"]["digest"]
    assert again["score_error"] != found["score_error"]
    config.likelihood = likelihood("ode")
    config.likelihood.ode.steps = 4
    told = run(config, tmp_path)
    assert {"ode_nats_floor", "ode_excess_nats", "ode_excess_nats_se"} <= told.keys()


def test_images_have_no_truth(project: MakeProject, tmp_path: Path) -> None:
    found = run(project(), tmp_path)
    lines = (tmp_path / "reports" / "score_error.csv").read_text().splitlines()
    assert lines == [",".join(COLUMNS)]
    assert not [key for key in found if key.startswith(("score", "entropy", "truth"))]


def test_the_truth_is_told_of_the_checkpoint_that_was_sampled(
    project: MakeProject, tmp_path: Path
) -> None:
    config = project("points", "coordinates")
    put_known(config, tmp_path)
    put(tmp_path / "samples", np.load(tmp_path / "samples" / "samples.npy"))
    with pytest.raises(UserError, match=r"model\.ckpt is not the checkpoint that the samp"):
        evaluate.run(config, tmp_path)


def test_a_setting_that_is_refused(project: MakeProject, tmp_path: Path) -> None:
    config = project()
    config.evaluation.truth.levels = 1
    with pytest.raises(UserError, match=r"evaluation\.truth\.levels"):
        evaluate.run(config, tmp_path)
    assert not (tmp_path / "reports").exists()


def test_a_checkpoint_that_was_not_sampled(project: MakeProject, tmp_path: Path) -> None:
    config = project("points", "coordinates")
    put_model(tmp_path)
    saved = (tmp_path / "samples" / "samples.json").read_text()
    put_model(tmp_path, weight=1.0)
    (tmp_path / "samples" / "samples.json").write_text(saved)
    run(config, tmp_path)
    config.likelihood = likelihood("bound")
    with pytest.raises(UserError, match=r"model\.ckpt is not the checkpoint that the samp"):
        evaluate.run(config, tmp_path)


def test_the_same_bytes_again(project: MakeProject, tmp_path: Path) -> None:
    config = project()
    first = evaluate.run(config, tmp_path).read_bytes()
    assert evaluate.run(config, tmp_path).read_bytes() == first


MADE = {"identity": "c", "step": 9, "weights": "ema", "sha256": "x"}


def test_other_samples_of_the_same_kind_can_be_ranked(
    project: MakeProject, tmp_path: Path
) -> None:
    config = project()
    data = PreparedData.open(tmp_path / "prepared")
    digests = []
    for samples, changes in (
        (data.train[:20], {}),
        (data.train[20:48], {"seed": 4}),
        (data.train[:20], {"checkpoint": MADE | {"identity": "d"}}),
        (data.train[:20], {"checkpoint": MADE | {"weights": "raw"}}),
        (data.train[:5], {}),
    ):
        put(tmp_path / "samples", samples, **changes)
        digests.append(run(config, tmp_path)["protocol"]["digest"])
    assert len(set(digests[:3])) == 1
    assert len(set(digests)) == 3


def test_points(project: MakeProject, tmp_path: Path) -> None:
    found = run(project("points", "coordinates"), tmp_path)
    assert found["protocol"]["quantiser"] == "none (float32)"
    assert found["protocol"]["extractor"] == "coordinates"
    assert found["protocol"]["points"]["set_size"] == 3
    assert found["protocol"]["points"]["classifier_count"] == 12
    assert found["wasserstein_2_floor"] > 0
    assert "confident_share" not in found
    assert "mode_coverage" not in found


def test_points_with_classes_have_modes(project: MakeProject, tmp_path: Path) -> None:
    config = project("points", "coordinates")
    labels = np.arange(60, dtype=np.int64) % 2
    points = np.random.default_rng(0).normal(size=(60, 2)) + 9.0 * labels[:, None]
    dataset.write(
        tmp_path / "prepared",
        examples=points.astype(np.float32),
        labels=labels,
        classes=("left", "right"),
        name="some",
        config=plain(config.data),
    )
    reference.run(config, tmp_path)
    put(tmp_path / "samples", points[labels == 1][:20].astype(np.float32))
    found = run(config, tmp_path)
    assert (found["mode_coverage"], found["mode_coverage_floor"]) == (0.5, 1.0)
    assert found["mode_deviation"] == pytest.approx(0.5)
    config.evaluation.points.set_size = 2
    again = run(config, tmp_path)["protocol"]
    assert again["points"]["set_size"] == 2
    assert again["digest"] != found["protocol"]["digest"]


def test_samples_of_another_shape(project: MakeProject, tmp_path: Path) -> None:
    config = project()
    put(tmp_path / "samples", np.zeros((20, 3, 32, 32), np.uint8))
    with pytest.raises(
        UserError, match=r"samples\.npy .*\(3, 32, 32\).*prepared.*\(1, 8, 8\)"
    ):
        evaluate.run(config, tmp_path)
    assert not (tmp_path / "reports").exists()


def test_a_reference_of_other_data(project: MakeProject, tmp_path: Path) -> None:
    config = project()
    random = np.random.default_rng(1)
    dataset.write(
        tmp_path / "prepared",
        examples=random.integers(0, 17, (60, 1, 8, 8)).astype(np.uint8),
        value_range=(0, 16),
        name="some",
        config=plain(config.data),
    )
    with pytest.raises(UserError, match=r"reference was made from other data"):
        evaluate.run(config, tmp_path)


@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("samples/samples.npy", "sample"),
        ("samples/samples.json", "sample"),
        ("reference/reference.json", "reference"),
        ("reference/extractor.pt", "reference"),
        ("prepared/manifest.json", "prepare"),
    ],
)
def test_a_missing_file(
    project: MakeProject, tmp_path: Path, file: str, stage: str
) -> None:
    config = project()
    (tmp_path / file).unlink()
    with pytest.raises(UserError, match=rf"{Path(file).name} .*`snowmelt {stage}`"):
        evaluate.run(config, tmp_path)
    assert not (tmp_path / "reports").exists()


def arrays_in(root: Path) -> set[str]:
    return {path.name for path in (root / "evaluation").iterdir()}


def test_points_get_the_arrays_that_their_model_is_shown_by(
    project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = project("points", "coordinates")
    run(config, tmp_path)
    assert arrays_in(tmp_path) == {"arrays.json", "nearest.npz"}
    assert "pictures of the model: left out, since" in capsys.readouterr().out
    put_model(tmp_path)
    run(config, tmp_path)
    learned = {"arrays.json", "nearest.npz", "paths.npz", "fields.npz", "densities.npz"}
    assert arrays_in(tmp_path) == learned
    assert "true" not in read_arrays(tmp_path / "evaluation" / "fields.npz")
    said = json.loads((tmp_path / "evaluation" / "arrays.json").read_text())
    digest = sha256(tmp_path / "samples" / "samples.npy")
    assert said["made_from"]["samples"] == digest
    assert said["digests"].keys() == learned - {"arrays.json"}
    put_known(config, tmp_path)
    times = np.array([1.0, 0.0])
    write_arrays(
        tmp_path / "samples" / "trajectory.npz",
        {"frames": np.zeros((2, 3, 2), np.float32), "times": times},
    )
    run(config, tmp_path)
    assert arrays_in(tmp_path) == learned | {"trajectory.npz"}
    assert "true" in read_arrays(tmp_path / "evaluation" / "fields.npz")
    behind = read_arrays(tmp_path / "evaluation" / "trajectory.npz")
    assert len(behind["values"]) == 2


def test_images_need_no_checkpoint_and_get_their_nearest_neighbours(
    project: MakeProject, tmp_path: Path
) -> None:
    run(project(), tmp_path)
    assert arrays_in(tmp_path) == {"arrays.json", "by_example.npz", "nearest.npz"}
    found = read_arrays(tmp_path / "evaluation" / "nearest.npz")
    # The samples are the first of the raw examples, most of which are trained on.
    assert found["pixels_worst_distances"][0] == 0.0
    assert (found["pixels_worst"][0] == found["pixels_worst_train"][0]).all()
    assert len(found["features_samples"]) == 20


def test_an_array_that_fails_costs_no_number(
    project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project("points", "coordinates")
    put_model(tmp_path)
    whole = run(config, tmp_path)

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(truth_arrays, "compared_densities", broken)
    with pytest.warns(PictureWarning, match="densities could not be drawn"):
        assert run(config, tmp_path) == whole
    assert "densities.npz" not in arrays_in(tmp_path)


def test_a_folder_of_somebody_else_is_refused_before_anything_is_measured(
    project: MakeProject, tmp_path: Path
) -> None:
    config = project()
    theirs = tmp_path / "evaluation" / "thesis.txt"
    theirs.parent.mkdir()
    theirs.write_text("years of work")
    with pytest.raises(UserError, match=r"evaluation exists and holds no arrays\.json"):
        evaluate.run(config, tmp_path)
    assert theirs.exists()
    assert not (tmp_path / "reports").exists()


def put_classes(config: DictConfig, root: Path) -> PreparedData:
    """Labelled points in place of the others: a left and a right heap."""
    labels = np.arange(200, dtype=np.int64) % 2
    points = np.random.default_rng(0).normal(size=(200, 2)) + 9.0 * labels[:, None]
    dataset.write(
        root / "prepared",
        examples=points.astype(np.float32),
        labels=labels,
        classes=("left", "right"),
        name="some",
        held_out_fraction=0.3,
        config=plain(config.data),
    )
    reference.run(config, root)
    return PreparedData.open(root / "prepared")


def test_samples_of_a_class_are_measured_against_it(
    project: MakeProject, tmp_path: Path
) -> None:
    config = project("points", "coordinates")
    data = put_classes(config, tmp_path)
    assert data.held_out_labels is not None
    right = np.asarray(data.held_out)[data.held_out_labels == 1]
    put(tmp_path / "samples", right)
    free = run(config, tmp_path)
    rows = (tmp_path / "reports" / "by_class.csv").read_text().splitlines()
    assert len(rows) == 3
    assert rows[1].startswith("left,0,0.0,")
    assert free["by_class"]["classes"] == "told by the nearest training point"
    np.save(tmp_path / "samples" / "labels.npy", np.ones(len(right), np.int64))
    put(tmp_path / "samples", right)
    asked = run(config, tmp_path)
    assert asked["frechet_distance"] < 0.1 * free["frechet_distance"]
    assert asked["protocol"]["reference_classes"] == {"right": 1.0}
    assert asked["protocol"]["n"] == len(right)
    assert asked["protocol"]["digest"] != free["protocol"]["digest"]


def tiny_class(kind: str, config: DictConfig, root: Path) -> PreparedData:
    """Data as a user may have it: two classes of 60, and one of two examples."""
    random, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [60, 60, 2])
    if kind == "images":
        for number, label in enumerate(labels):
            folder = root / "mine" / "abc"[label]
            folder.mkdir(parents=True, exist_ok=True)
            level = random.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(level // 2 + 60 * int(label)).save(folder / f"{number}.png")
        data = OmegaConf.load(CONF / "data" / "folder.yaml")
        chosen = {"name": "some", "path": "mine", "size": 8, "channels": 1}
        config.data = OmegaConf.merge(data, chosen)
        prepare.run(config, root)
    else:
        points = random.normal(size=(122, 2)) + 4.0 * labels[:, None]
        dataset.write(
            root / "prepared",
            examples=points.astype(np.float32),
            labels=labels,
            classes=("a", "b", "c"),
            name="some",
            config=plain(config.data),
        )
    reference.run(config, root)
    return PreparedData.open(root / "prepared")


@pytest.mark.parametrize(
    ("kind", "features"), [("images", "random_conv"), ("points", "coordinates")]
)
def test_a_class_that_is_not_held_out(
    project: MakeProject, tmp_path: Path, kind: str, features: str
) -> None:
    config = project(kind, features)
    shutil.rmtree(tmp_path / "prepared")
    shutil.rmtree(tmp_path / "reference")
    data = tiny_class(kind, config, tmp_path)
    assert np.bincount(data.train_labels).tolist() == [48, 48, 2]
    assert np.bincount(data.held_out_labels).tolist() == [12, 12]
    put(tmp_path / "samples", np.asarray(data.train)[:30])
    found = run(config, tmp_path)
    # The class is drawn together with one of the others, of which a dozen are held out.
    assert found["protocol"]["n"] >= 12
    assert found["protocol"]["floor_draws"].startswith("random shares")
    assert found["frechet_distance_floor"] > 0
    assert found["frechet_distance_floor_spread"] > 0
    # Who asks for it is told that it cannot be measured.
    np.save(tmp_path / "samples" / "labels.npy", np.arange(30) % 3)
    put(tmp_path / "samples", np.asarray(data.train)[:30])
    with pytest.raises(UserError, match="the held-out split has too few examples of a"):
        run(config, tmp_path)


def test_completions_are_not_measured_as_new_samples(
    project: MakeProject, tmp_path: Path
) -> None:
    config = project()
    data = PreparedData.open(tmp_path / "prepared")
    put(
        tmp_path / "samples",
        np.asarray(data.held_out),
        examples=data.manifest.digests["images.npy"],
    )
    found = run(config, tmp_path)
    assert found["completion_error"] == 0.0
    assert not {"frechet_distance", "near_share", "memorised_share"} & found.keys()
    assert "not new samples" in found["protocol"]["measured_as"]
    assert "memorisation" in found["protocol"]["left_out"]
    assert arrays_in(tmp_path) == {"arrays.json"}
