"""Journeys from other data than noise run from compose to report, on points and images."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.pipeline.cli import main
from snowmelt.training.checkpoint import load
from tests.pipeline.small_flow import SMALL_FLOW, moons
from tests.project import TINY, in_process, last_of_each

SMALL = (
    *SMALL_FLOW,
    "tracking=none",
    "data.count=400",
    "data.held_out_count=200",
    moons(300, 100),
)


def refused(capsys: pytest.CaptureFixture[str], cwd: Path, *arguments: str) -> str:
    """The one line with which a command ends that cannot be done."""
    capsys.readouterr()
    with contextlib.chdir(cwd):
        assert main(last_of_each(arguments)) == 2
    return capsys.readouterr().err


def pictures(workspace: Path) -> set[str]:
    return {file.name for file in (workspace / "reports" / "figures").iterdir()}


def test_from_one_cloud_to_another(workspace: Path) -> None:
    in_process("pipeline", *SMALL, cwd=workspace)
    starts = PreparedData.open(workspace / "data" / "prepared" / "start")
    assert starts.manifest.name == "moons"
    assert (len(starts.train), len(starts.held_out)) == (300, 100)
    # The film begins with the held-out starts, in the units of the data.
    film = np.load(workspace / "outputs" / "samples" / "trajectory.npz")
    assert film["times"][0] == 1.0
    np.testing.assert_allclose(film["frames"][0], starts.held_out, rtol=0, atol=1e-4)
    samples = np.load(workspace / "outputs" / "samples" / "samples.npy")
    np.testing.assert_allclose(film["frames"][-1], samples, rtol=0, atol=1e-4)
    checkpoint = load(workspace / "outputs" / "model" / "model.ckpt")
    assert checkpoint.start is not None
    assert checkpoint.start.digest == starts.manifest.digest
    assert not checkpoint.has_score
    found = json.loads((workspace / "reports" / "metrics.json").read_text())
    assert found["wasserstein_2"] > 0
    assert "score_error" not in found
    for name in ("wasserstein_2", "path_energy", "cost", "marginals", "coupling"):
        for end in ("", "_floor"):
            value, error = (found[f"transport_{name}{end}{of}"] for of in ("", "_spread"))
            assert value > 0, name
            assert error > 0, name
    assert found["transport_straightness"] >= 0
    assert "transport_drift_error" not in found
    how = found["transport"]
    assert (how["n"], how["sets"], how["start"]) == (25, 4, "moons")
    assert "joined by OptimalTransport in batches of 32" in how["pairs"]
    by_time = np.load(workspace / "outputs" / "evaluation" / "transport.npz")
    assert by_time["carried"][0] == by_time["true"][0]
    assert by_time["share"][-1] == 0.0
    page = (workspace / "reports" / "index.html").read_text(encoding="utf-8")
    assert "<h2>From start to data</h2>" in page
    assert "error-by-time" in page
    shown = {"samples.png", "trajectory.gif", "paths.png", "flow_steps.png"}
    assert shown | {"plane_paths.png"} <= pictures(workspace)
    assert "forward.gif" not in pictures(workspace)


def test_a_bridge_with_its_score_is_walked_with_noise(workspace: Path) -> None:
    bridge = ("interpolant=brownian_bridge", "interpolant.std=0.2", "coupling=sinkhorn")
    walked = ("denoiser.with_score=true", "sampler=euler_maruyama", "sampler.steps=4")
    in_process("pipeline", *SMALL, *bridge, *walked, cwd=workspace)
    ways = np.load(workspace / "outputs" / "samples" / "paths.npz")
    assert {name.partition("_")[0] for name in ways.files} == {"sde", "ode"}
    assert np.isfinite(ways["sde_states"]).all()
    found = json.loads((workspace / "reports" / "metrics.json").read_text())
    assert found["transport_marginals"] > found["transport_marginals_floor"] > 0
    assert "transport_path_energy" not in found
    assert "transport_straightness" not in found
    (left_out,) = (w for w in found["transport"]["left_out"] if "energy" in w)
    assert "adds noise" in left_out
    # Both begin at the same held-out starts.
    np.testing.assert_array_equal(ways["sde_states"][0], ways["ode_states"][0])


@pytest.mark.parametrize(
    "coupling",
    [("coupling=sinkhorn", "coupling.entropy=0.25"), ("coupling=optimal_transport",)],
    ids=["sinkhorn", "optimal_transport"],
)
def test_from_one_known_density_to_another_the_exact_bridge_is_known(
    workspace: Path, coupling: tuple[str, ...]
) -> None:
    ends = ("density=gaussian", "start=density", "start.of.density=normal")
    few = ("start.of.count=300", "start.of.held_out_count=100")
    bridge = (*coupling, "interpolant=brownian_bridge")
    walked = ("denoiser.with_score=true", "sampler=euler_maruyama", "sampler.steps=4")
    kept = [text for text in SMALL if not text.startswith("start.")]
    settings = (*kept, *ends, *few, *bridge, "interpolant.std=0.5", *walked)
    for stage in ("prepare", "reference", "train", "sample", "evaluate"):
        in_process(stage, *settings, cwd=workspace)
    data, starts = (
        PreparedData.open(workspace / "data" / "prepared" / place)
        for place in ("", "start")
    )
    said = [manifest.config["density"] for manifest in (data.manifest, starts.manifest)]
    assert said[0]["mean"] == [0.2, -0.1]
    assert said[1] == {
        "_target_": "snowmelt.densities.Gaussian", "mean": [0.0, 0.0], "std": 1.0
    }  # fmt: skip
    assert np.asarray(starts.train).std(axis=0) == pytest.approx(1.0, abs=0.15)
    found = json.loads((workspace / "reports" / "metrics.json").read_text())
    exact = "the Schroedinger bridge of two normal laws, in closed form"
    assert found["transport"]["bridge"] == exact
    is_exact = coupling[0] == "coupling=sinkhorn"
    assert (found["transport"]["pairs"] == exact) == is_exact
    assert found["transport_drift_error"] > found["transport_drift_error_spread"] > 0
    assert found["transport_coupling"] > found["transport_coupling_floor"] > 0


def test_more_samples_than_starts_and_other_starts_are_one_line(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for stage in ("prepare", "train"):
        in_process(stage, *SMALL, cwd=workspace)
    said = refused(capsys, workspace, "sample", *SMALL, "sample.num_samples=101")
    assert "more than the 100 held-out starts" in said
    other = "start.of={_target_: snowmelt.data.TwoMoons, name: moons, noise: 0.2}"
    said = refused(capsys, workspace, "train", *SMALL, other)
    assert "was prepared with start.of." in said
    in_process("prepare", *SMALL, other, cwd=workspace)
    said = refused(capsys, workspace, "sample", *SMALL)
    assert "holds other examples" in said


def test_from_images_to_images(workspace: Path) -> None:
    journey = (
        *TINY,
        "tracking=none",
        "start=data",
        "start.of=digits",
        "start.of.split_seed=1",
        "coupling=optimal_transport",
        "sampler=ddim",
        "sampler.eta=0",
        "likelihood=none",
        "training.steps=6",
    )
    in_process("pipeline", *journey, cwd=workspace)
    film = np.load(workspace / "outputs" / "samples" / "trajectory.npz")
    starts = PreparedData.open(workspace / "data" / "prepared" / "start")
    np.testing.assert_array_equal(
        film["frames"][0], starts.held_out[: len(film["frames"][0])]
    )
    found = json.loads((workspace / "reports" / "metrics.json").read_text())
    told = {key for key in found if key.startswith("transport_")}
    assert told == {
        f"transport_{name}{end}"
        for name in ("cost", "straightness")
        for end in ("", "_spread")
    }
    assert found["transport_cost"] > 0
    assert "the plan of a few thousand images" in found["transport"]["left_out"][0]


def test_a_second_flow_learns_from_the_pairs_of_the_first(workspace: Path) -> None:
    in_process("pipeline", *SMALL, "coupling=independent", cwd=workspace)
    first = workspace / "outputs" / "samples"
    starts = PreparedData.open(workspace / "data" / "prepared" / "start")
    begun = np.load(first / "starts.npy")
    np.testing.assert_allclose(begun, starts.held_out, rtol=0, atol=1e-4)
    pairs = workspace / "pairs"
    shutil.copytree(first, pairs)
    kept = [text for text in SMALL if not text.startswith(("data.", "start.", "sample."))]
    reflow = (
        "data=array",
        f"data.path={pairs / 'samples.npy'}",
        f"start.of={{_target_: snowmelt.data.Array, name: it, path: {pairs}/starts.npy}}",
        "coupling=paired",
        "sample.num_samples=20",
    )
    in_process("pipeline", *kept, *reflow, cwd=workspace)
    data = PreparedData.open(workspace / "data" / "prepared")
    moons = PreparedData.open(workspace / "data" / "prepared" / "start")
    both = {
        tuple(row) for row in np.concatenate((np.load(pairs / "samples.npy"), begun), 1)
    }
    for one, other in zip(data.train, moons.train, strict=True):
        assert tuple(np.concatenate((one, other))) in both
