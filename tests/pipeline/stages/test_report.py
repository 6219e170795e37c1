"""The stage on outputs of the agreed form, small ones that it has to take as they are."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from tests.sample_folders import describe as describe_samples

from snowmelt.common.array_files import write_arrays
from snowmelt.common.errors import PictureWarning, UserError
from snowmelt.common.files import sha256, write_json
from snowmelt.common.instantiate import plain
from snowmelt.common.records import file_digests, write_record
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation import evaluation_record
from snowmelt.pipeline.cost_notes import TrainingCosts
from snowmelt.pipeline.stages import report
from snowmelt.tracking import Run
from snowmelt.viz.report.report_material import SCORE_ERROR, read

PATHS = {
    "prepared": "data/prepared",
    "reference": "outputs/reference",
    "model": "outputs/model",
    "samples": "outputs/samples",
    "evaluation": "outputs/evaluation",
    "reports": "reports",
}


def configuration() -> DictConfig:
    return OmegaConf.create(
        {
            "name": None,
            "paths": PATHS,
            "sample": {"checkpoint": f"{PATHS['model']}/model.ckpt"},
            "schedule": {
                "_target_": "snowmelt.schedules.Cosine",
                "log_snr_max": 6.0,
                "log_snr_min": -4.0,
            },
            "process": {"_target_": "snowmelt.processes.VariancePreserving"},
        }
    )


def manifest_of(root: Path) -> Manifest:
    return dataset.PreparedData.open(root / PATHS["prepared"]).manifest


def describe(root: Path, metrics: dict[str, Any] | None = None) -> str:
    """Write the records that belong to the files; return the digest of the samples."""
    checkpoint = {"identity": "c", "step": 20, "weights": "ema"}
    checkpoint["sha256"] = sha256(root / PATHS["model"] / "model.ckpt")
    folder, manifest = root / PATHS["samples"], manifest_of(root)
    said = describe_samples(folder, manifest, identity="abc", checkpoint=checkpoint)
    reports, reference = root / PATHS["reports"], root / PATHS["reference"]
    measured = {"frechet_distance": 2.5} if metrics is None else metrics
    write_json(reports / "metrics.json", measured)
    evaluation = root / PATHS["evaluation"]
    evaluation.mkdir(exist_ok=True)
    (evaluation / "arrays.json").unlink(missing_ok=True)
    evaluation_record.write(
        evaluation,
        made_from=evaluation_record.made_from(manifest, said, reference),
        metrics=measured,
        tables=sorted(reports.glob("*.csv")),
    )
    return str(said["digest"])


def finished(root: Path, kind: str) -> DictConfig:
    """A project in which every stage before the report has run."""
    rng = np.random.default_rng(0)
    if kind == "images":
        examples = rng.integers(0, 17, (40, 1, 8, 8)).astype(np.uint8)
        given: dict[str, Any] = {"value_range": (0, 16)}
    else:
        examples, given = rng.standard_normal((40, 2)).astype(np.float32), {}
    dataset.write(root / PATHS["prepared"], examples=examples, name="some", **given)
    model, samples = root / PATHS["model"], root / PATHS["samples"]
    for folder in (model, samples, root / PATHS["reports"]):
        folder.mkdir(parents=True)
    (model / "model.ckpt").write_bytes(b"weights")
    lines = ["step,loss,held_out_loss", "0,1.0,1.1", "10,0.5,", "20,0.4,0.6"]
    (model / "losses.csv").write_text("\n".join(lines))
    np.save(samples / "samples.npy", examples[:20])
    reference = root / PATHS["reference"]
    reference.mkdir()
    said = {"format": 1, "data": manifest_of(root).digest, "digests": {}, "accuracy": 0.97}
    write_record(reference / "reference.json", said)
    describe(root)
    return configuration()


@pytest.fixture
def images(tmp_path: Path) -> DictConfig:
    return finished(tmp_path, "images")


def figure_names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "reports" / "figures").iterdir())


@pytest.mark.parametrize("kind", ["images", "points"])
def test_stage_writes_page_and_figures_the_same_each_time(tmp_path: Path, kind: str):
    config = finished(tmp_path, kind)
    page = report.run(config, tmp_path)
    assert page == tmp_path / "reports" / "index.html"
    written = {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
    assert figure_names(tmp_path) == [
        "curves.png",
        "preview.png",
        "real_and_generated.png",
        "samples.png",
        "schedule.png",
    ]
    for path in (tmp_path / "reports" / "figures").iterdir():
        with Image.open(path) as picture:
            picture.verify()
    report.run(config, tmp_path)
    assert {path: path.read_bytes() for path in written} == written
    assert (tmp_path / "reports" / "metrics.json").exists(), "not its own, so left alone"


def test_the_page_has_the_cost_that_was_noted(tmp_path: Path, images: DictConfig):
    described = {"frechet_distance": 2.5, "protocol": {"checkpoint": "c"}}
    describe(tmp_path, described)
    page = report.run(images, tmp_path)
    assert "1 x NVIDIA H100" not in page.read_text()
    noted = {"machine": "1 x NVIDIA H100", "seconds": 60.0, "git_commit": "abcdef"}
    TrainingCosts(tmp_path).remember("c", noted)
    report.run(images, tmp_path)
    assert "Trained on 1 x NVIDIA H100 in 1 min 0 s" in page.read_text()
    assert "at commit abcdef." in page.read_text()


def test_material_is_what_the_stages_wrote(tmp_path: Path, images: DictConfig):
    frames = np.zeros((3, 2, 1, 8, 8), np.uint8)
    way = {"frames": frames, "times": np.array([1.0, 0.5, 0.0])}
    write_arrays(tmp_path / PATHS["samples"] / "trajectory.npz", way)
    describe(tmp_path)
    material = read(images, tmp_path)
    assert material.name == "some"
    assert material.real.shape == (32, 1, 8, 8)
    assert material.generated.shape == (20, 1, 8, 8)
    assert material.losses["step"].tolist() == [0, 10, 20]
    assert np.isnan(material.losses["held_out_loss"][1])
    assert material.ways.keys() == {"trajectory"}
    assert (material.ways["trajectory"]["frames"] == frames).all()
    assert material.truth == {}
    assert material.pictures == {}, "the report draws them"
    report.run(images, tmp_path)
    assert "trajectory.png" in figure_names(tmp_path)
    page = (tmp_path / "reports" / "index.html").read_text()
    strip = (tmp_path / "reports" / "figures" / "trajectory.png").read_bytes()
    assert base64.b64encode(strip).decode() in page
    assert "some training examples" in page, "the preview"
    assert material.schedule is not None
    name, t, log_snr = material.schedule
    assert name == "Cosine"
    assert (t[0], t[-1], len(t)) == (0, 1, 256)
    assert log_snr[[0, -1]] == pytest.approx([6.0, -4.0])


def test_arrays_of_the_evaluation_are_shown_if_they_are_as_it_wrote_them(tmp_path: Path):
    config = finished(tmp_path, "points")
    file = tmp_path / PATHS["evaluation"] / "densities.npz"
    arrays = {"samples": np.ones((4, 4)), "extent": np.array([0.0, 1.0, 0.0, 1.0])}
    write_arrays(file, arrays)
    describe(tmp_path)
    assert "densities" in read(config, tmp_path).truth
    report.run(config, tmp_path)
    assert "densities.png" in figure_names(tmp_path)
    write_arrays(file, arrays | {"samples": np.zeros((4, 4))})
    with pytest.raises(UserError, match=r"densities\.npz is not as `snowmelt evaluate`"):
        report.run(config, tmp_path)


def test_damaged_arrays_name_their_file(tmp_path: Path, images: DictConfig):
    (tmp_path / PATHS["samples"] / "trajectory.npz").write_bytes(b"no arrays")
    describe(tmp_path)
    with pytest.raises(UserError, match=r"trajectory\.npz is no file of arrays"):
        report.run(images, tmp_path)


def test_a_picture_that_fails_costs_neither_the_others_nor_the_page(
    tmp_path: Path, images: DictConfig
):
    way = {"frames": np.zeros((3, 2), np.uint8), "times": np.zeros(3)}
    write_arrays(tmp_path / PATHS["samples"] / "trajectory.npz", way)
    describe(tmp_path)
    with pytest.warns(PictureWarning, match="trajectory could not be drawn"):
        page = report.run(images, tmp_path)
    assert page.exists()
    assert "preview.png" in figure_names(tmp_path)


def test_the_run_gets_the_page_and_every_figure(
    tmp_path: Path, images: DictConfig, monkeypatch: pytest.MonkeyPatch
):
    logged = []

    class Listening(Run):
        def log_file(self, path: Path, folder: str = "") -> None:
            logged.append(f"{folder}/{path.name}")

    monkeypatch.setattr(report, "open_report", lambda *_, **__: Listening())
    report.run(images, tmp_path)
    figures = [f"figures/{name}" for name in figure_names(tmp_path)]
    assert logged == ["report/index.html", *figures]
    assert "figures/samples.png" in logged


def test_the_curve_is_that_of_the_process(tmp_path: Path, images: DictConfig):
    images.process._target_ = "snowmelt.processes.SubVariancePreserving"
    material = read(images, tmp_path)
    assert material.schedule is not None
    assert material.schedule[2][0] == pytest.approx(12.0, abs=0.01)  # 6 of less noise


def test_terms_of_the_bound_are_read_and_drawn(tmp_path: Path, images: DictConfig):
    terms = tmp_path / PATHS["reports"] / "likelihood.csv"
    heading = "term,log_snr,log_snr_gained,bits_per_dim"
    terms.write_text(heading + "\n")
    describe(tmp_path)
    assert read(images, tmp_path).likelihood == {}
    lines = [
        "prior,-inf,0,0.1",
        "step,0.0,9,1.5",
        "decoder,9,0,0.0",
    ]
    terms.write_text("\n".join([heading, *lines]))
    describe(tmp_path)
    found = read(images, tmp_path).likelihood
    assert found["term"].tolist() == ["prior", "step", "decoder"]
    assert found["bits_per_dim"].tolist() == [0.1, 1.5, 0.0]
    report.run(images, tmp_path)
    assert "likelihood.png" in figure_names(tmp_path)
    terms.write_text(heading + "\nstep,x,1,1")
    describe(tmp_path)
    with pytest.raises(UserError, match=r"likelihood\.csv is damaged.*snowmelt evaluate"):
        read(images, tmp_path)


def test_the_score_error_is_read_and_drawn(tmp_path: Path, images: DictConfig):
    table = tmp_path / PATHS["reports"] / "score_error.csv"
    assert read(images, tmp_path).score_error == {}
    table.write_text(",".join(SCORE_ERROR) + "\n")
    describe(tmp_path)
    assert read(images, tmp_path).score_error == {}
    lines = [",".join([level] + ["0.5"] * 7) for level in ("-3", "0", "3")]
    table.write_text("\n".join([",".join(SCORE_ERROR), *lines]))
    describe(tmp_path)
    found = read(images, tmp_path).score_error
    assert found["log_snr"].tolist() == [-3.0, 0.0, 3.0]
    assert found["training_points"].tolist() == [0.5, 0.5, 0.5]
    report.run(images, tmp_path)
    assert "score_error.png" in figure_names(tmp_path)
    table.write_text("log_snr\n0")
    describe(tmp_path)
    with pytest.raises(UserError, match=r"score_error\.csv is damaged.*snowmelt evaluate"):
        read(images, tmp_path)


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("data/prepared/manifest.json", "prepare"),
        ("outputs/samples/samples.json", "sample"),
        ("outputs/samples/samples.npy", "sample"),
        ("reports/metrics.json", "evaluate"),
        ("outputs/evaluation/arrays.json", "evaluate"),
        ("outputs/reference/reference.json", "reference"),
    ],
)
def test_a_missing_output_names_the_file_and_its_stage(
    tmp_path: Path, images: DictConfig, missing: str, stage: str
):
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=f"(?s){missing}.*snowmelt {stage}"):
        report.run(images, tmp_path)
    assert not (tmp_path / "reports" / "index.html").exists()
    assert not (tmp_path / "reports" / "figures").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((20, 3, 8, 8), np.uint8),
        np.zeros((20, 1, 8, 8), np.float32),
        np.zeros((0, 1, 8, 8), np.uint8),
    ],
)
def test_samples_of_other_data_are_refused(tmp_path: Path, images: DictConfig, wrong):
    np.save(tmp_path / PATHS["samples"] / "samples.npy", wrong)
    with pytest.raises(UserError, match=r"samples\.npy"):
        report.run(images, tmp_path)


def sampled_again(root: Path) -> None:
    path = root / PATHS["samples"] / "samples.npy"
    np.save(path, np.load(path)[::-1])
    said = json.loads((path.parent / "samples.json").read_text())
    checkpoint = said["checkpoint"]
    describe_samples(path.parent, manifest_of(root), checkpoint=checkpoint)


def trained_again(root: Path) -> None:
    (root / PATHS["model"] / "model.ckpt").write_bytes(b"other weights")


def prepared_again(root: Path) -> None:
    examples = np.random.default_rng(1).integers(0, 17, (40, 1, 8, 8)).astype(np.uint8)
    folder = root / PATHS["prepared"]
    dataset.write(folder, examples=examples, name="other", value_range=(0, 16))


def referred_again(root: Path) -> None:
    said = {"format": 1, "data": manifest_of(root).digest, "digests": {}, "floor": 1.0}
    write_record(root / PATHS["reference"] / "reference.json", said)


def edited(root: Path) -> None:
    write_json(root / PATHS["reports"] / "metrics.json", {"frechet_distance": 0.1})


def emptied(root: Path) -> None:
    write_json(root / PATHS["reports"] / "metrics.json", {})


def edited_table(root: Path) -> None:
    with (root / PATHS["reports"] / "likelihood.csv").open("a") as stream:
        stream.write("step,0.0,9,0.1\n")


def edited_samples(root: Path) -> None:
    path = root / PATHS["samples"] / "samples.npy"
    np.save(path, np.load(path)[::-1])


def edited_losses(root: Path) -> None:
    losses = root / PATHS["model"] / "losses.csv"
    losses.write_text(losses.read_text().replace("0.5", "0.1"))


def of_before(root: Path) -> None:
    record = root / PATHS["evaluation"] / "arrays.json"
    write_json(record, {"samples_digest": "e" * 64})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (sampled_again, r"metrics\.json was measured on other samples .*snowmelt evaluate"),
        (trained_again, r"samples of the checkpoint .*model\.ckpt is another .*sample"),
        (prepared_again, r"samples of a model of the data .*prepared holds 'other'"),
        (referred_again, r"metrics\.json was measured on other reference .*evaluate"),
        (edited, r"metrics\.json does not hold the numbers .*snowmelt evaluate"),
        (emptied, r"metrics\.json does not hold the numbers .*snowmelt evaluate"),
        (edited_table, r"likelihood\.csv is not as `snowmelt evaluate` wrote"),
        (edited_samples, r"samples\.npy is not as `snowmelt sample` wrote"),
        (edited_losses, r"losses\.csv is not as `snowmelt train` wrote"),
        (of_before, r"arrays\.json is not of the form .*snowmelt evaluate"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, images: DictConfig, change: Callable[[Path], None], said: str
):
    model = tmp_path / PATHS["model"]
    record = {"config": {}, "digests": file_digests(model)}
    write_record(model / "model.json", record)
    terms = tmp_path / PATHS["reports"] / "likelihood.csv"
    terms.write_text("term,log_snr,log_snr_gained,bits_per_dim\nprior,-9,0,0.1\n")
    describe(tmp_path)
    read(images, tmp_path)
    change(tmp_path)
    with pytest.raises(UserError, match=said):
        report.run(images, tmp_path)
    assert not (tmp_path / "reports" / "index.html").exists()
    assert not (tmp_path / "reports" / "figures").exists()


def test_a_configuration_of_another_training_is_refused(tmp_path: Path, images: DictConfig):
    model = tmp_path / PATHS["model"]
    schedule = plain(images.schedule)
    write_record(model / "model.json", {"config": {"schedule": schedule}, "digests": {}})
    read(images, tmp_path)
    images.schedule.log_snr_max = 7.0
    with pytest.raises(UserError, match=r"model was trained with schedule=.*6\.0.*7\.0"):
        report.run(images, tmp_path)


def test_a_checkpoint_need_not_lie_there(tmp_path: Path, images: DictConfig):
    (tmp_path / PATHS["model"] / "model.ckpt").unlink()
    assert read(images, tmp_path).losses == {}


def test_samples_that_are_no_array_are_refused(tmp_path: Path, images: DictConfig):
    (tmp_path / PATHS["samples"] / "samples.npy").write_bytes(b"no array at all")
    with pytest.raises(UserError, match=r"samples\.npy is not a readable array"):
        report.run(images, tmp_path)


def test_curves_of_another_checkpoint_are_not_shown(tmp_path: Path, images: DictConfig):
    """One that was trained elsewhere may be sampled and shown."""
    assert read(images, tmp_path).losses
    model = tmp_path / PATHS["model"] / "model.ckpt"
    images.sample.checkpoint = "elsewhere.ckpt"
    model.rename(tmp_path / "elsewhere.ckpt")
    model.write_bytes(b"other weights")
    old = tmp_path / "reports" / "figures" / "curves.png"
    old.parent.mkdir()
    old.write_bytes(b"of an earlier report")
    (old.parent / "samples.png").write_bytes(b"too")
    report.run(images, tmp_path)
    assert "curves.png" not in figure_names(tmp_path), "nothing of the old report is left"


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path: Path, images: DictConfig):
    theirs = tmp_path / "reports" / "figures" / "thesis.png"
    theirs.parent.mkdir()
    theirs.write_bytes(b"years of work")
    with pytest.raises(UserError, match="figures exists"):
        report.run(images, tmp_path)
    assert theirs.exists()
    assert not (tmp_path / "reports" / "index.html").exists()


def test_the_reference_is_read(images: DictConfig, tmp_path: Path):
    assert read(images, tmp_path).reference["accuracy"] == 0.97
