"""What the UI shows of a run: descriptions, pictures, views, the registered model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from snowmelt import tracking
from snowmelt.tracking import descriptions
from snowmelt.tracking.sweep_job import SweepJob

NOTE = "mlflow.note.content"


def train(project: Any, identity: str = "model-a") -> Any:
    return tracking.open_training(
        project.config, project.root, state=project.state / identity, identity=identity
    )


def experiment(project: Any) -> Any:
    return project.client.get_experiment_by_name("snowmelt")


def test_a_description_names_its_run_and_experiment(project: Any) -> None:
    with train(project) as run:
        link = descriptions.artifact_link("figures/a b.png")
        run.describe(f"[a]({link})", experiment=descriptions.run_link())
    (found,) = project.runs()
    run_id, number = found.info.run_id, found.info.experiment_id
    note = f"[a](get-artifact?path=figures%2Fa%20b.png&run_uuid={run_id})"
    assert found.data.tags[NOTE] == note
    assert experiment(project).tags[NOTE] == f"#/experiments/{number}/runs/{run_id}"


def test_a_description_follows_the_run_until_a_person_writes_another(project: Any) -> None:
    with train(project) as run:
        for text in ("first", "second"):
            run.describe(text, experiment=text)
        assert run.flush()
        assert project.runs()[0].data.tags[NOTE] == "second"
        project.client.set_tag(run.run_id, NOTE, "mine")
        number = experiment(project).experiment_id
        project.client.set_experiment_tag(number, NOTE, "mine")
        run.describe("third", experiment="third")
    assert project.runs()[0].data.tags[NOTE] == "mine"
    assert experiment(project).tags[NOTE] == "mine"


def test_passwords_in_a_description_are_hidden(project: Any) -> None:
    with train(project) as run:
        run.describe("see http://me:secret@host")
    assert project.runs()[0].data.tags[NOTE] == "see http://***@host"


def test_a_picture_of_a_step_is_there_once(project: Any) -> None:
    """However often it is drawn: a resumed training repeats some steps."""
    picture = Image.new("L", (4, 4))
    with train(project) as run:
        for step in (10, 10, 20):
            run.log_picture("samples", picture, step)
        run.log_picture("more/samples", picture, step=10)
    with train(project) as run:
        run.log_picture("samples", picture, step=20)
    (found,) = project.runs()
    expected = [("more~samples", 10), ("samples", 10), ("samples", 20)]
    assert project.pictures(found) == expected
    assert found.data.tags["pictured/samples"] == "20"
    assert found.data.tags["mlflow.loggedImages"] == "True"


def test_pictures_of_every_kind_are_taken(project: Any) -> None:
    with train(project) as run:
        for step, mode in enumerate(("1", "P", "I;16", "LA", "CMYK")):
            file = project.root / f"{step}.{'tif' if mode == 'CMYK' else 'png'}"
            Image.new(mode, (4, 4)).save(file)
            run.log_picture("samples", file, step)
    assert len(project.pictures(project.runs()[0])) == 5


def test_what_is_no_picture_is_refused_and_holds_nothing_up(
    project: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = project.root / "broken.png"
    broken.write_bytes(b"no picture")
    with train(project) as run:
        run.log_picture("samples", broken, step=1)
        run.log_file(broken, "kept")
    (found,) = project.runs()
    assert project.artifacts(found, "kept") == ["kept/broken.png"]
    assert project.pictures(found) == []
    assert "refused 1 file (broken.png: broken.png is no picture" in capsys.readouterr().err


def test_the_experiment_is_one_of_trainings(project: Any) -> None:
    with train(project):
        pass
    assert experiment(project).tags["mlflow.experimentKind"] == "custom_model_development"


# --- a sweep ------------------------------------------------------------------------------


def evaluated(project: Any, identity: str, distance: float) -> Path:
    """The metrics.json of a job that ran through."""
    (project.root / "model.ckpt").write_bytes(identity.encode())
    with train(project, identity) as run:
        run.log_checkpoint(project.root / "model.ckpt", step=6)
    path = project.root / f"{identity}.json"
    path.write_text(json.dumps({"frechet_distance": distance, "protocol": {"n": 5}}))
    asked = {"samples": identity, "request": identity, "checkpoint": identity}
    with tracking.open_evaluation(project.config, project.root, **asked) as run:
        run.log_evaluation(path)
        run.set_tags({"main_metric": "frechet_distance"})
    return path


@pytest.fixture
def in_sweep(project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs two jobs below a sweep; their metrics by identity."""

    def run_in(sweep: Any, *names: str) -> dict[str, Path]:
        made = {}
        with monkeypatch.context() as patch:
            for name, value in sweep.child_environment.items():
                patch.setenv(name, value)
            for number, identity in enumerate(names):
                for name, value in SweepJob(identity, ("schedule",)).environment.items():
                    patch.setenv(name, value)
                made[identity] = evaluated(project, identity, 2.0 - number)
        return made

    return run_in


def sweep_of(project: Any, name: str = "sweep") -> Any:
    return tracking.open_sweep(
        project.config, project.root, name=name, swept=("schedule", "seed")
    )


def test_a_sweep_leaves_a_view_of_its_jobs(project: Any, in_sweep: Any) -> None:
    with sweep_of(project) as sweep:
        in_sweep(sweep, "one", "two")
        sweep.share_comparison()
    parent = project.runs()[0]
    assert parent.data.tags["swept"] == "schedule,seed"
    tags = experiment(project).tags
    view = json.loads(tags[f"mlflow.sharedViewState.sweep-{sweep.key}"])
    assert parent.info.run_id in view["searchFilter"]
    assert view["orderByKey"] == "metrics.`frechet_distance`"


def test_the_best_model_is_registered_with_its_protocol(
    project: Any, in_sweep: Any
) -> None:
    versions = []
    for names, best in ((("one", "two"), "two"), (("three", "four"), "three")):
        with sweep_of(project) as sweep:
            made = in_sweep(sweep, *names)
            sweep.register_best(made[best], "digits", {"protocol.n": "5"}, "the best")
        versions.append(project.client.get_model_version_by_alias("digits", "best"))
    first, second = versions
    assert [str(version.version) for version in versions] == ["1", "2"]
    assert first.tags["protocol.n"] == "5"
    assert first.description == "the best"
    runs = {run.info.run_id: run.info.run_name for run in project.runs()}
    assert [runs[version.run_id] for version in versions] == ["two", "three"]
    source = Path(second.source) / "model.ckpt"
    assert source.read_bytes() == b"three"


def test_the_same_model_is_one_version_however_often_it_is_best(
    project: Any, in_sweep: Any
) -> None:
    for number in range(2):
        with sweep_of(project) as sweep:
            made = in_sweep(sweep, "one")["one"]
            sweep.register_best(made, "digits", {"round": str(number)}, "the best")
    (version,) = project.client.search_model_versions("name = 'digits'")
    assert version.tags["round"] == "1"


def test_an_older_comparison_that_comes_late_takes_no_alias(
    project: Any, in_sweep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sweep_of(project) as sweep:
        made = in_sweep(sweep, "one", "two")
        for identity, time in (("one", 2000), ("two", 1000)):
            monkeypatch.setattr("snowmelt.tracking.registration.now", lambda t=time: t)
            sweep.register_best(made[identity], "digits", {}, "the best")
            assert sweep.flush()
    best = project.client.get_model_version_by_alias("digits", "best")
    assert best.tags["compared"] == "2000"
    assert len(project.client.search_model_versions("name = 'digits'")) == 2


def test_a_run_that_is_nowhere_registers_nothing(project: Any, in_sweep: Any) -> None:
    with sweep_of(project) as sweep:
        in_sweep(sweep, "one")
        stranger = project.root / "stranger.json"
        stranger.write_text("{}")
        sweep.register_best(stranger, "digits", {}, "")
        sweep.register_best(project.root / "missing.json", "digits", {}, "")
    assert project.client.search_registered_models() == []
    assert project.runs()[0].info.status == "FINISHED"
