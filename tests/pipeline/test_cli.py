"""The command line: help, short names, and one line for each mistake."""

from __future__ import annotations

import json
import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from snowmelt.common.instantiate import plain
from snowmelt.pipeline import command_help
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.command_line import COMMANDS, EPILOG, OUTPUTS, SECTIONS, SHOWN
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.config.overrides import groups
from tests.conftest import Mistake
from tests.project import (
    ROOT,
    TINY,
    in_process,
    make_workspace,
    pictures_among_data,
    run_command,
    succeed,
)

QUIET = "tracking=none"
CLASH = ("schedule=zero_terminal", "prediction=eps")


def test_help_names_every_command_and_imports_nothing_heavy(workspace: Path) -> None:
    code = (
        "import sys; from snowmelt.pipeline.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'mlflow', 'hydra'} & set(sys.modules))"
    )
    result = succeed(run_command(sys.executable, "-c", code, cwd=workspace))
    assert result.stdout.strip().endswith("set()")
    for command in COMMANDS:
        assert command in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_tells_of_it_alone(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main((command, "--help"))
    said = capsys.readouterr().out
    assert said.startswith(f"usage: snowmelt {command} ")
    assert COMMANDS[command] in said
    examples = re.findall(r"^  snowmelt (\w+)", said, re.MULTILINE)
    assert set(examples) <= {command}
    assert examples.count(command) == EPILOG.count(f"  snowmelt {command} ")
    assert (f"without `{SECTIONS.get(command)}.`" in said) == (command in SECTIONS)
    assert ("out=DIR: the folder to write to" in said) == (command in OUTPUTS)


def test_what_a_help_names_is_explained_by_settings() -> None:
    known = {*composition.written(ROOT), *groups(ROOT)}
    for command, names in command_help.READ.items():
        assert command in COMMANDS
        assert set(names.split()) <= known, command


def test_the_configuration_can_be_looked_at(workspace: Path) -> None:
    """Without torch's compiler, which takes seconds to import; so does the report."""
    code = (
        "import sys; from snowmelt.pipeline.cli import main\n"
        "main(['train', '--cfg', 'schedule=linear'])\n"
        "import snowmelt.pipeline.stages.report\n"
        "print({'torch._dynamo', 'torch_fidelity', 'torchvision'} & set(sys.modules))"
    )
    result = succeed(run_command(sys.executable, "-c", code, cwd=workspace))
    assert "snowmelt.schedules.Linear" in result.stdout
    assert "${" not in result.stdout
    assert result.stdout.strip().endswith("set()")


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a whole run, and what was said; tests must not change it."""
    root = make_workspace(tmp_path_factory.mktemp("whole") / "project")
    said = in_process("pipeline", *TINY, QUIET, "out=runs/mine", cwd=root)
    return root / "runs" / "mine", said


def test_all_stages_in_a_row_without_dvc(
    workspace: Path, whole_run: tuple[Path, str]
) -> None:
    finished, said = whole_run
    folder = Path(shutil.copytree(finished, workspace / "runs" / "mine"))
    assert "[7/7] report" in said
    assert said.strip().endswith("runs/mine/reports/index.html")
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    assert metrics["frechet_distance"] > metrics["frechet_distance_floor"] > 0
    assert pictures_among_data(folder) == []
    # Only what a guidance completes is asked for again; the report draws it.
    completing = ("guidance=repaint", "guidance.resamples=2", "sampler=ddim")
    for stage in ("sample", "evaluate", "report"):
        chosen = (*TINY, *completing, QUIET, "paths.root=runs/mine")
        in_process(stage, *chosen, cwd=workspace)
    figures = workspace / "runs/mine/reports/figures"
    assert (figures / "completion.png").stat().st_size > 0
    page = (workspace / "runs/mine/reports/index.html").read_text()
    assert "Completed examples" in page
    assert pictures_among_data(folder) == []
    for path in (workspace / "runs/mine/outputs").rglob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays), path


def test_points_go_the_same_way(workspace: Path, mistake: Mistake) -> None:
    generator = np.random.default_rng(0)
    np.save(workspace / "cloud.npy", generator.normal(size=(200, 2)).astype(np.float32))
    tiny = [text for text in TINY if not text.startswith(("net.", "features"))]
    chosen = ("experiment=points", "data.path=cloud.npy", "net.width=16", QUIET)
    in_process("pipeline", *tiny, *chosen, cwd=workspace)
    samples = np.load(workspace / "outputs/samples/samples.npy")
    assert samples.dtype == np.float32
    assert samples.shape == (96, 2)
    assert (workspace / "outputs/samples/trajectory.npz").is_file()
    assert (workspace / "reports/figures/trajectory.gif").is_file()
    clipped = mistake("sample", "threshold=clip", QUIET, cwd=workspace)
    assert "threshold=none" in clipped
    assert (workspace / "reports/index.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("train", "schedule=cosin"), "unknown schedule 'cosin' (did you mean 'cosine'?)"),
        (
            ("sample", "num_sample=4"),
            "key 'sample.num_sample' (did you mean 'num_samples'?",
        ),
        (("sample", "schedul=cosine"), "unknown key 'schedul' (did you mean 'schedule'?"),
        (("train", "trainng.steps=5"), "unknown key 'trainng.steps'"),
        (
            ("train", "training.steps=many"),
            "training.steps must be a positive integer, at most",
        ),
        (("train", "schedule"), "key=value"),
        (("train", "+more=1"), "keys can be set, not added"),
        (("train",), "manifest.json is missing: run `snowmelt prepare`"),
        (("reference",), "manifest.json is missing: run `snowmelt prepare`"),
        (("sample",), "model.ckpt is missing: run `snowmelt train`"),
        (("evaluate",), "is missing: run `snowmelt"),
        (("report",), "is missing: run `snowmelt"),
        (("train", "--config", "none.yaml"), "none.yaml is missing"),
        (("sync", "out=there"), "out=there: sync writes into no folder"),
        (("prepare", "out=/"), "/ is no place for results: name a folder below it"),
        (("compose", *CLASH), "prediction, schedule: Eps finds the data by dividing by"),
        (("evaluate", *CLASH), "prediction, schedule: Eps"),
        (("pipeline", "-m", *CLASH, "seed=1,2"), "seed=1: prediction, schedule: Eps"),
        (
            ("pipeline", "-m", "prediction=v,eps", CLASH[0]),
            "eps: prediction, schedule: Eps",
        ),
        (("prepare", "data=folder"), "data/raw"),
        (("prepare", "data=folder", "data.path=nowhere"), "nowhere"),
        (("prepare", "data=array", "data.path=params.yaml"), "params.yaml"),
    ],
)
def test_a_mistake_gets_one_line(
    workspace: Path, mistake: Mistake, arguments: tuple[str, ...], named: str
) -> None:
    command, *rest = arguments
    if "--config" not in rest:
        rest.append(QUIET)
    assert named in mistake(command, *rest, cwd=workspace)
    assert not (workspace / "outputs").exists()
    assert not (workspace / "multirun").exists()
    assert not (workspace / "data" / "prepared").exists()


def test_a_stage_looks_again_at_what_was_composed_elsewhere(
    workspace: Path, mistake: Mistake
) -> None:
    """`--config` does not compose, and a file can be edited."""
    in_process("prepare", cwd=workspace)
    settled = composition.compose(workspace, [*CLASH, QUIET], is_checked=False)
    file = workspace / "mine.yaml"
    file.write_text(yaml.safe_dump(plain(settled)))
    said = mistake("train", "--config", "mine.yaml", cwd=workspace)
    assert "prediction, schedule: Eps" in said
    assert not (workspace / "outputs").exists()


def test_the_card_takes_a_composed_configuration(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    assert main(("compose", "schedule=linear")) == 0
    assert main(("card", "--config", "outputs/config.yaml")) == 0
    drawn = workspace / "outputs/card/linear.png"
    assert capsys.readouterr().out.rstrip().endswith(f"card: {drawn}")
    assert main(("card", "--config", "outputs/config.yaml", "seed=1")) == 2
    assert main(("card", "--cfg", "schedule=linear,cosine")) == 0
    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    names = [document["schedule"]["_target_"] for document in documents]
    assert names == [
        "snowmelt.schedules.Linear",
        "snowmelt.schedules.Cosine",
    ]


def test_what_shows_a_density_is_composed_without_a_look_at_training(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    for command in SHOWN:
        assert main((command, "--cfg", "density=gaussian", *CLASH, "seed=7")) == 0
        composed = yaml.safe_load(capsys.readouterr().out)
        assert composed["density"]["_target_"] == "snowmelt.densities.Gaussian"
        assert composed["seed"] == 7
        assert main((command, "-m", "seed=1,2")) == 2
        assert "leave --multirun out" in capsys.readouterr().err
        assert main((command, "--config", "none.yaml")) == 2
        assert main((command, "--config", "mine.yaml", "seed=1")) == 2
        assert "not both" in capsys.readouterr().err
    # The short names of its own section.
    assert main(("mcmc", "--cfg", "points=12", "warmup=3")) == 0
    found = yaml.safe_load(capsys.readouterr().out)["mcmc"]
    assert (found["points"], found["warmup"]) == (12, 3)


@pytest.mark.parametrize("command", SHOWN)
def test_where_what_is_shown_goes(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    """The stage gets the folder that was named, or none, and the last line says it."""
    asked: list[Path | None] = []

    def run(settled: object, root: Path, out: Path | None) -> Path:
        asked.append(out)
        return out or root / "usual"

    stage = types.SimpleNamespace(run=run)
    monkeypatch.setitem(sys.modules, f"snowmelt.pipeline.stages.{command}", stage)
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    assert main((command, "out=some/place")) == 0
    named = workspace / "some" / "place"
    assert capsys.readouterr().out == f"{command}: {named}\n"
    assert main((command,)) == 0
    assert capsys.readouterr().out == f"{command}: {workspace / 'usual'}\n"
    monkeypatch.chdir(workspace / "data")
    assert main((command, "out=place")) == 0
    assert asked == [named, None, workspace / "data" / "place"]


def test_outside_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROJECT_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(("train",)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ": error: " in line
    assert "no conf/config.yaml" in line


def test_data_that_was_prepared_from_something_else(
    workspace: Path, mistake: Mistake
) -> None:
    in_process("prepare", cwd=workspace)
    said = mistake("train", "data.held_out_fraction=0.5", QUIET, cwd=workspace)
    assert "held_out_fraction" in said
    assert "snowmelt prepare" in said


def test_networks_say_what_they_are_for(workspace: Path, mistake: Mistake) -> None:
    in_process("prepare", cwd=workspace)
    assert "use net=unet" in mistake("train", "net=mlp", QUIET, cwd=workspace)
    deep = ("train", "net.widths=[8,8,8,8,8]", f"net.attention={[False] * 5}", QUIET)
    assert "not divisible" in mistake(*deep, cwd=workspace)


def test_a_checkpoint_of_another_shape(
    workspace: Path, mistake: Mistake, whole_run: tuple[Path, str]
) -> None:
    """Samples of one data set are not measured against another."""
    raw = workspace / "photos"
    raw.mkdir()
    generator = np.random.default_rng(0)
    for number in range(40):
        pixels = generator.integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(raw / f"{number}.png")
    chosen = ("data=folder", "data.path=photos", "data.size=16", "data.channels=1")
    rest = ("features=random_conv", QUIET)
    for stage in ("prepare", "reference"):
        in_process(stage, *chosen, *rest, cwd=workspace)
    samples = f"paths.samples={whole_run[0] / 'outputs' / 'samples'}"
    said = mistake("evaluate", *chosen, *rest, samples, cwd=workspace)
    assert "8" in said
    assert "16" in said
    assert not (workspace / "reports" / "metrics.json").exists()


def test_a_command_of_before_is_taken_but_not_offered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(("films", "density=nowhere")) == 2
    assert "snowmelt gallery: error: " in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(("filmz",))
    said = capsys.readouterr().err
    assert "'gallery'" in said
    assert "films" not in said


@pytest.mark.parametrize("sweep", [("-m", "seed=1,2"), ("sweep=schedules",)])
def test_showing_the_configuration_starts_no_sweep(
    sweep: tuple[str, ...],
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workspace)
    assert main(("pipeline", "--cfg", *sweep)) == 2
    assert "--cfg prints one configuration" in capsys.readouterr().err
