"""Values of the environment are written down nowhere, and decide no result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.config import composed_file, composition
from snowmelt.tracking import configured, opening

SECRET = "hunter2"
URI = "https://me:${oc.env:SECRET}@host"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("STEPS", "7")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)


def write(root: Path, params: str) -> Path:
    (root / "params.yaml").write_text(params, encoding="utf-8")
    return root


def composed_text(root: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> str:
    monkeypatch.chdir(root)
    assert main(["compose", *overrides]) == 0
    return (root / "outputs" / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["params", "overrides", "command line", "conf"])
def test_of_the_tracker_the_text_is_written_and_the_value_used(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    write(workspace, "data: digits\n")
    if place == "params":
        write(workspace, f"tracking:\n  uri: {URI}\n")
    if place == "overrides":
        write(workspace, f"overrides: [\"tracking.uri='{URI}'\"]\n")
    if place == "conf":
        (workspace / "conf/tracking/mlflow.yaml").write_text(f"enabled: true\nuri: {URI}\n")
    typed = [f"tracking.uri='{URI}'"] if place == "command line" else []
    text = composed_text(workspace, monkeypatch, *typed)
    assert SECRET not in text
    assert yaml.safe_load(text)["tracking"]["uri"] == URI
    loaded = composed_file.load(workspace / "outputs/config.yaml")
    for config in (loaded, composition.compose(workspace, typed)):
        known = plain(config)
        assert known["tracking"]["uri"] == URI
        assert SECRET not in str(known)
        assert configured.settings_of(known).uri == f"https://me:{SECRET}@host"


def test_numbers_and_switches_of_the_tracker_may_come_from_there_too(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAUSE", "7")
    write(workspace, 'tracking:\n  cooldown_seconds: "${oc.decode:${oc.env:PAUSE}}"\n')
    text = composed_text(workspace, monkeypatch)
    assert "oc.decode:${oc.env:PAUSE}" in text
    loaded = plain(composed_file.load(workspace / "outputs/config.yaml"))
    assert configured.settings_of(loaded).cooldown_seconds == 7.0
    monkeypatch.delenv("PAUSE")
    with pytest.raises(UserError, match=r"tracking: .*PAUSE"):
        configured.settings_of(loaded)


def test_the_tracked_run_has_the_text(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", f"sqlite:///{workspace}/{SECRET}.db")
    config = plain(composition.compose(workspace, ["tracking.uri='${oc.env:WHERE}'"]))
    with opening.open_training(
        config, workspace, state=workspace / "state", identity="a"
    ) as run:
        assert run.flush()
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{workspace}/{SECRET}.db")
    found = client.get_run(str(run.run_id))
    assert found.data.params["values/tracking.uri"] == "${oc.env:WHERE}"
    assert SECRET not in str(found.data.params)
    artifact = client.download_artifacts(str(run.run_id), "config.yaml")
    assert SECRET not in Path(artifact).read_text()


@pytest.mark.parametrize(
    ("params", "typed", "said"),
    [
        ("name: ${oc.env:SECRET}", "", "params.yaml: name takes its value"),
        ('seed: "${oc.decode:${oc.env:STEPS}}"', "", "params.yaml: seed takes its value"),
        ("training: {steps: '${ env:STEPS}'}", "", "params.yaml: training.steps takes"),
        ("data_path: ${oc.env:NOT_SET,here}", "", "params.yaml: data_path takes its value"),
        (
            "overrides: ['data.name=${oc.env:SECRET}']",
            "",
            "params.yaml: overrides: data.name takes its value",
        ),
        ("", "name=${oc.env:SECRET}", "command line: name takes its value"),
        ("", "name=a-${oc.env:SECRET}-b", "command line: name takes its value"),
        ("", "net.widths=[8,'${oc.env:STEPS}']", "command line: net.widths takes"),
        ("", "name='\\${oc.env:SECRET}'", "command line: name takes its value"),
        (
            "tracking: {uri: 'http://${oc.env:SECRET}'}",
            "name='${tracking.uri}'",
            "command line: name takes its value from the environment, or from tracking",
        ),
    ],
)
def test_elsewhere_they_are_refused_in_one_line(
    workspace: Path, mistake: Any, params: str, typed: str, said: str
) -> None:
    write(workspace, params + "\n")
    line = mistake("compose", *([typed] if typed else []), cwd=workspace)
    assert said in line
    assert SECRET not in line
    assert not (workspace / "outputs").exists()


@pytest.mark.parametrize(
    ("file", "text", "typed"),
    [
        ("conf/experiment/mine.yaml", "name: ${oc.env:SECRET}\n", "experiment=mine"),
        ("conf/paths/default.yaml", "root: ${oc.env:SECRET}\n", "seed=0"),
        (
            "conf/schedule/mine.yaml",
            "_target_: snowmelt.schedules.Cosine\nlog_snr_max: ${oc.env:STEPS}\n",
            "schedule=mine",
        ),
        (
            "conf/schedule/mine.yaml",
            "_target_: snowmelt.schedules.Cosine\nlog_snr_max: ${oc.env:STEPS}\n",
            "schedule=zero_terminal schedule.of=mine",
        ),
    ],
)
def test_so_they_are_in_files_of_conf(
    workspace: Path, mistake: Any, file: str, text: str, typed: str
) -> None:
    head = "# @package _global_\n" if "experiment" in file else ""
    (workspace / file).write_text(head + text)
    line = mistake("compose", *typed.split(), cwd=workspace)
    assert "takes its value from the environment" in line
    assert "conf/" in line


def test_a_composed_file_is_not_trusted_either(workspace: Path) -> None:
    known = plain(composition.compose(workspace, is_checked=False))
    known["name"] = "${oc.env:SECRET}"
    file = workspace / "config.yaml"
    file.write_text(yaml.safe_dump(known))
    with pytest.raises(UserError, match=r"config\.yaml: name takes its value"):
        composed_file.load(file)


def test_the_printed_configuration_has_the_text(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    assert main(["train", "--cfg", f"tracking.uri='{URI}'"]) == 0
    said = capsys.readouterr().out
    assert SECRET not in said
    assert yaml.safe_load(said)["tracking"]["uri"] == URI
