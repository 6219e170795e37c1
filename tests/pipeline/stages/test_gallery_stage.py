"""The stage on known densities: the whole set, what is left out, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig
from PIL import Image
from tests.conftest import Mistake
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build, plain
from snowmelt.data.prepared import dataset
from snowmelt.data.sources.source import Source
from snowmelt.densities import (
    DoubleGaussian,
    Gaussian,
    GaussianMixture,
    KernelDensity,
    Perturbable,
)
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.stages import gallery as stage
from snowmelt.training.checkpoint import Checkpoint, build_denoiser, load, save
from snowmelt.viz.density_gallery import gallery
from snowmelt.viz.density_gallery.scene import Chapter

TINY = [
    "gallery.points=30",
    "gallery.frames=3",
    "gallery.steps=4",
    "gallery.cells=16",
    "gallery.paths=2",
    "gallery.chain_steps=6",
    "gallery.seconds=0.3",
]
SCENES = {scene.name: scene for chapter in gallery.CHAPTERS for scene in chapter.scenes}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the whole set of the double Gaussian, in its own place."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "conf", root / "conf")
    return stage.run(composition.compose(root, TINY, is_checked=False), root)


def test_the_set_is_whole_and_lies_where_it_is_looked_for(made: Path):
    assert made.parts[-4:] == ("outputs", "gallery", "double_gaussian", "index.html")
    text = made.read_text()
    named = set(re.findall(r'(?:src|srcset)="([^"]*)"', text))
    assert named == {path.name for path in made.parent.iterdir()} - {
        "index.html",
        "gallery.json",
    }
    for wanted in (
        "forward.gif",
        "density.gif",
        "density_preserving.gif",
        "random_walk.png",
        "ornstein_uhlenbeck.png",
        "reverse.gif",
        "paths_in_time.png",
        "score_field.png",
        "markov_chains.gif",
        "points_and_density.png",
        "reverse_kernel.png",
        "two_distributions.png",
        "bridges.gif",
        "bridge_paths.png",
        "bridge_steps.png",
    ):
        assert wanted in named, wanted
    assert "learned" not in text, "no model was asked for"


def test_films_move_and_stills_are_pictures(made: Path):
    for path in sorted(made.parent.glob("*.gif")):
        with Image.open(path) as film:
            assert film.n_frames >= 3, path.name
            film.seek(0)
            first = film.convert("RGB").tobytes()
            film.seek(film.n_frames - 1)
            assert film.convert("RGB").tobytes() != first, path.name
    for path in sorted(made.parent.glob("*.png")):
        with Image.open(path) as picture:
            picture.load()
            assert len(picture.convert("RGB").getcolors(10**6) or ()) > 5, path.name


def test_the_same_settings_give_the_same_bytes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of a scene of each kind; all of them would take as long again."""
    kinds = ("forward", "reverse", "paths_in_time", "markov_chains", "two_distributions")
    few = Chapter("Few", tuple(SCENES[name] for name in kinds))
    monkeypatch.setattr(gallery, "CHAPTERS", (few,))
    project = made.parents[3]
    settled = composition.compose(project, TINY, is_checked=False)
    again = stage.run(settled, project, tmp_path / "again").parent
    files = [path for path in sorted(again.iterdir()) if path.suffix in (".gif", ".png")]
    assert len(files) == 9
    for path in files:
        assert path.read_bytes() == (made.parent / path.name).read_bytes(), path.name


def test_bridges_begin_in_the_density_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = {}
    monkeypatch.setattr(gallery, "make", lambda material, folder: kept.update(m=material))
    asked = [*TINY, "density=eight_normals", "gallery.starts_from=moons"]
    settled = composition.compose(ROOT, asked, is_checked=False)
    stage.run(settled, ROOT, tmp_path / "out")
    material = kept["m"]
    assert material.start_name == "moons"
    assert isinstance(material.start, GaussianMixture)
    unit = stage.unit_of(build(settled.density, Perturbable, root=ROOT))[1]
    own = build(composition.compose(ROOT, ["density=moons"]).density, GaussianMixture)
    spread, wanted = (law.covariance().diagonal().sum() for law in (material.start, own))
    assert float(spread * unit**2) == pytest.approx(float(wanted))
    assert float(material.density.covariance().diagonal().mean()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("moon", r"gallery.starts_from=moon: there is no such file .*did you mean 'moons'"),
        ("llama", "known between mixtures of normal distributions of the plane"),
    ],
)
def test_other_starts_are_refused(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        stage.start_density(name, ROOT)
    assert stage.start_density(None, ROOT) is None


@pytest.fixture
def only_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of two quick pictures."""
    few = Chapter("Few", (SCENES["score_field"], SCENES["reverse_kernel"]))
    monkeypatch.setattr(gallery, "CHAPTERS", (few,))


@pytest.mark.usefixtures("only_kernel")
def test_a_grid_works_too_without_a_reverse_kernel(workspace: Path):
    settled = composition.compose(workspace, [*TINY, "density=grid"], is_checked=False)
    page = stage.run(settled, workspace)
    assert page.parent.name == "grid"
    assert not (page.parent / "reverse_kernel.png").exists()
    assert "mixtures of normal distributions only" in page.read_text()


def test_any_density_is_centred_and_of_unit_variance():
    for density in (
        DoubleGaussian(distance=4.0, share=0.1),
        Gaussian([3.0, -1.0], std=[0.5, 2.0]),
        KernelDensity(torch.randn(30, 2) * 5 + 2, 0.3),
    ):
        found = density.standardised(*stage.unit_of(density))
        points = found.sample(20_000, seed=1, dtype=torch.float64)
        assert torch.allclose(points.mean(0), torch.zeros(2, dtype=points.dtype), atol=0.05)
        assert float(points.var(0).mean()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        (("density.size=1",), "this density has 1 dimension:"),
        (("density.size=3",), "this density has 3 dimensions:"),
        (
            ("frames=1",),
            "gallery.frames must be an integer of at least 2, at most 1,000, got 1",
        ),
        (("density=lama",), "unknown density 'lama' (did you mean 'llama'?)"),
        (("checkpoint=none.ckpt",), "none.ckpt"),
    ],
)
def test_a_mistake_gets_one_line(
    workspace: Path, mistake: Mistake, chosen: tuple[str, ...], named: str
):
    said = mistake("films", *chosen, cwd=workspace)
    assert named in said
    assert not (workspace / "outputs").exists()


def save_model(folder: Path, settled: DictConfig) -> Path:
    """An untrained model of the data that the configuration names."""
    raw = build(settled.data, Source).read()
    manifest = dataset.write(
        folder / "prepared",
        examples=raw.examples,
        name=settled.data.name,
        held_out=raw.held_out,
        held_out_fraction=None,
        config=plain(settled.data),
    )
    sections = ("net", "schedule", "process", "prediction")
    parts = {key: plain(settled[key]) for key in sections}
    weights = build_denoiser(parts, manifest.shape).net.state_dict()
    path = folder / "model.ckpt"
    save(path, Checkpoint("some", 0, parts, manifest, weights, weights))
    return path


def test_a_model_stands_beside_the_truth_of_its_own_data(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    monkeypatch.setattr(gallery, "make", lambda material, folder: seen.append(material))
    model = ["experiment=double_gaussian", "net.width=16", "data.count=4000"]
    file = save_model(workspace, composition.compose(workspace, model, is_checked=False))
    stage.run(
        composition.compose(workspace, [f"gallery.checkpoint={file}"], is_checked=False),
        workspace,
    )
    (material,) = seen
    manifest = load(file).manifest
    here = DoubleGaussian().standardised(manifest.mean, manifest.std)
    x = torch.randn(7, 2)
    assert torch.allclose(material.density.log_prob(x), here.log_prob(x))
    assert material.learned is not None
    assert not material.learned.training
    for other in ("density=llama", "density.distance=2.0", "density=checkerboard"):
        wrong = composition.compose(
            workspace, [f"gallery.checkpoint={file}", other], is_checked=False
        )
        with pytest.raises(UserError, match="are not points of density="):
            stage.run(wrong, workspace)
