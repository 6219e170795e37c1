"""One configuration from conf/, params.yaml, an experiment and the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.common.yaml_files import dump_yaml
from snowmelt.pipeline.config import composition
from snowmelt.training.settings import TrainingSettings

ROOT = Path(__file__).parents[3]
EXPERIMENT = """\
# @package _global_
defaults:
  - override /schedule: linear
training:
  steps: 7
"""
DEFAULT = (TrainingSettings().steps, "Cosine")
MINE = ["experiment=mine"]
Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A function that makes a project with this one's conf/ and files of its own."""

    def make(params: str | None = None, **files: str) -> Path:
        root = tmp_path / "project"
        shutil.rmtree(root, ignore_errors=True)
        # As git has it, which knows no empty folders.
        for file in sorted((ROOT / "conf").rglob("*.yaml")):
            copy = root / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        for name, text in files.items():
            path = root / "conf" / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if params is not None:
            (root / "params.yaml").write_text(params, encoding="utf-8")
        return root

    return make


def steps_and_schedule(composed: DictConfig) -> tuple[int, str]:
    return composed.training.steps, composed.schedule["_target_"].rpartition(".")[2]


def test_the_projects_own_params_compose_from_what_git_has(project: Project) -> None:
    root = project((ROOT / "params.yaml").read_text(encoding="utf-8"))
    composed = composition.compose(root)
    chosen = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    assert composed.seed == chosen["seed"]
    assert composed.data.name == chosen["data"]


def test_hydra_composes_once_as_long_as_no_file_changes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    hydra = composition.hydra_compose

    def counted(name: str, overrides: list[str]) -> DictConfig:
        asked.append(overrides)
        return hydra(name, overrides)

    monkeypatch.setattr(composition, "hydra_compose", counted)
    root = project(experiment__mine=EXPERIMENT)
    for _ in range(2):
        assert steps_and_schedule(composition.compose(root, MINE)) == (7, "Linear")
    assert len(asked) == len({tuple(overrides) for overrides in asked})
    (root / "conf/experiment/mine.yaml").write_text(EXPERIMENT.replace("7", "8"))
    assert steps_and_schedule(composition.compose(root, MINE)) == (8, "Linear")


def test_each_source_beats_the_one_before(project: Project) -> None:
    params = "schedule: sigmoid\nsampler: ddpm\ntraining: {steps: 5}\n"
    default = steps_and_schedule(composition.compose(project()))
    root = project(params, experiment__mine=EXPERIMENT)
    from_params = composition.compose(root)
    assert default == DEFAULT
    assert steps_and_schedule(from_params) == (5, "Sigmoid")
    assert from_params.sampler.eta == 1.0

    with_experiment = composition.compose(root, ["experiment=mine"])
    assert steps_and_schedule(with_experiment) == (7, "Linear")
    assert with_experiment.sampler.eta == 1.0

    typed = ["experiment=mine", "training.steps=9", "schedule=cosine", "sampler=ddim"]
    from_command_line = composition.compose(root, typed)
    assert steps_and_schedule(from_command_line) == (9, "Cosine")
    assert from_command_line.sampler.eta == 0.0


def test_an_experiment_named_in_params_can_be_left_out_on_the_command_line(
    project: Project,
) -> None:
    root = project("experiment: mine\nschedule: sigmoid\n", experiment__mine=EXPERIMENT)
    assert steps_and_schedule(composition.compose(root)) == (7, "Linear")
    assert steps_and_schedule(composition.compose(root, ["experiment=null"])) == (
        DEFAULT[0],
        "Sigmoid",
    )


def test_overrides_in_params_beat_the_experiment_too(project: Project) -> None:
    params = "training: {steps: 5}\noverrides: [schedule=sigmoid, training.steps=8]\n"
    root = project(params, experiment__mine=EXPERIMENT)
    assert steps_and_schedule(composition.compose(root, ["experiment=mine"])) == (
        8,
        "Sigmoid",
    )
    typed = ["experiment=mine", "training.steps=9"]
    assert steps_and_schedule(composition.compose(root, typed)) == (9, "Sigmoid")


def test_params_below_a_group_of_the_experiment_give_way(project: Project) -> None:
    params = "schedule: cosine\nschedule.log_snr_max: 8.0\n"
    root = project(params, experiment__mine=EXPERIMENT)
    assert composition.compose(root).schedule.log_snr_max == 8.0
    assert "log_snr_max" not in composition.compose(root, ["experiment=mine"]).schedule


def test_a_comment_changes_nothing(project: Project) -> None:
    plain = "schedule: linear\nseed: 3\ntraining: {steps: 5}\n"
    commented = "# mine\nseed:   3 # lucky\n\ntraining:\n  steps: 5\nschedule: 'linear'\n"
    assert composition.compose(project(plain)) == composition.compose(project(commented))


@pytest.mark.parametrize(
    "value",
    [
        "a b",
        "it's",
        'she said "hello"',
        " padded ",
        "",
        "a,b=[c]{d}:e$(f)",
        "50%",
        "~/x",
        r"C:\photos\new",
        "ends with \\",
        r"\'",
        "données/日本",
        "été",
        "123",
        "1e5",
        "null",
        "true",
        "1_000",
    ],
)
def test_a_text_in_params_stays_that_text(project: Project, value: str) -> None:
    root = project(dump_yaml({"data_path": value}))
    (choice,) = composition.merged_overrides(root, [])
    assert choice.parse().value() == value


def test_a_path_with_spaces_and_quotes_reaches_the_stage(project: Project) -> None:
    value = "my 'best' photos, \"2024\""
    root = project(yaml.safe_dump({"data": "folder", "data_path": value}))
    assert composition.compose(root).data.path == value
    typed = r"""data_path='my \'best\' photos, "2024"'"""
    assert composition.compose(root, [typed]).data.path == value


@pytest.mark.parametrize("value", [3, 2.5e-7, True, None, [1, 2], ["a b", None], -1])
def test_values_keep_their_type(project: Project, value: Any) -> None:
    (choice,) = composition.merged_overrides(
        project(yaml.safe_dump({"some": {"key": value}})), []
    )
    found = choice.parse().value()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("shedule: linear", r"unknown key 'shedule' \(did you mean 'schedule'\?\)"),
        ("training: {step: 5}", r"unknown key 'training.step' \(did you mean 'steps'\?\)"),
        ("training: {steps: {x: 5}}", "unknown key 'training.steps.x'"),
        ("schedule: cosin", r"unknown schedule 'cosin' \(did you mean 'cosine'\?\)"),
        ("schedule: zzz", r"unknown schedule 'zzz'\. Known: beta_sigmoid, .*, cosine"),
        ("net: 3", "net names a file of conf/net/, got 3"),
        ("net: [mlp]", r"net names a file of conf/net/, got \['mlp'\]"),
        ("seed: many", r"seed must be an integer from 0 to 2\^63 - 1, got 'many'"),
        (
            "training: {steps: 2.5}",
            "training.steps must be a positive integer, at most .*, got 2.5",
        ),
        (
            "training: {learning_rate: true}",
            r"training.learning_rate must be a positive number, at most 10, got True",
        ),
        ("training: 5", "training must be a mapping, got 5"),
        ("overrides: ['+new=1']", "keys can be set, not added or removed"),
        ("overrides: ['seed']", "'seed' is not of the form key=value"),
        ("overrides: seed=1", "'overrides' must be a list of key=value"),
        ("overrides: [1]", "'overrides' must be a list of key=value"),
        ("- seed", "must map keys to values, got list"),
        ("seed: [", "is not valid YAML"),
    ],
)
def test_a_mistake_in_params_names_the_file(
    project: Project, text: str, named: str
) -> None:
    with pytest.raises(UserError, match=rf"^params\.yaml:? .*{named}"):
        composition.compose(project(text))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("shedule=linear", r"unknown key 'shedule' \(did you mean 'schedule'\?\)"),
        ("schedule=cosin", r"unknown schedule 'cosin' \(did you mean 'cosine'\?\)"),
        ("schedule=null", "schedule"),
        ("~schedule", "schedule"),
        (
            "training.steps=many",
            "training.steps must be a positive integer, at most .*, got 'many'",
        ),
        ("~training.steps", "keys can be set, not added or removed"),
        ("++seed=1", "keys can be set, not added or removed"),
        ("training", "'training' is not of the form key=value"),
        ("experiment=nowhere", "unknown experiment 'nowhere'"),
    ],
)
def test_a_mistake_on_the_command_line_says_so(
    project: Project, text: str, named: str
) -> None:
    with pytest.raises(UserError, match=f"^command line: .*{named}"):
        composition.compose(project(experiment__mine=EXPERIMENT), [text])


def test_a_whole_number_will_do_where_a_fraction_stands(project: Project) -> None:
    composed = composition.compose(
        project("training: {learning_rate: 1, gradient_clip: null}")
    )
    assert composed.training.learning_rate == 1
    assert composed.training.gradient_clip is None


@pytest.mark.parametrize("broken", ["training: [\n", "- a list\n"])
def test_an_experiment_that_is_no_mapping_is_named(project: Project, broken: str) -> None:
    root = project(experiment__mine=broken)
    with pytest.raises(UserError, match="mine"):
        composition.compose(root, ["experiment=mine"])


CLASH = ["schedule=zero_terminal", "prediction=eps"]


def test_a_schedule_inside_another_can_be_named(project: Project) -> None:
    root = project()
    for outer in ("zero_terminal", "input_scaled", "chain"):
        settled = composition.compose(root, [f"schedule={outer}", "schedule.of=sigmoid"])
        alone = composition.compose(root, ["schedule=sigmoid"])
        assert plain(settled.schedule.of) == plain(alone.schedule)
    wrong = ["schedule=chain", "schedule.of=sigmoyd"]
    with pytest.raises(UserError, match=r"schedule\.of: .*did you mean 'sigmoid'"):
        composition.compose(root, wrong)


def test_keys_of_a_part_inside_another_are_pointed_to(project: Project) -> None:
    with pytest.raises(UserError, match=r"did you mean 'sampler\.grid\.rho'"):
        composition.compose(project(), ["grid=karras", "grid.rho=5"])


def test_keys_of_a_part_that_is_taken_from_elsewhere_are_pointed_to(
    project: Project,
) -> None:
    root = project()
    with pytest.raises(
        UserError, match=r"data\.density is taken from .*set density\.size$"
    ):
        composition.compose(root, ["data=density", "data.density.size=3"])
    settled = composition.compose(
        root,
        [
            "data=density",
            "density.size=3",
            "data.count=9",
            "threshold=none",
            "net=mlp",
            "features=coordinates",
        ],
    )
    assert settled.data.density == settled.density
    assert settled.data.density["size"] == 3


def test_a_density_reaches_only_the_data_that_is_drawn_from_it(project: Project) -> None:
    root = project()
    one, two = (
        plain(composition.compose(root, [f"density={name}"]))
        for name in ("gaussian", "mixture")
    )
    assert one.pop("density") != two.pop("density")
    assert one == two


def test_parts_that_do_not_go_together_are_refused(project: Project) -> None:
    root = project()
    with pytest.raises(UserError, match=r"^prediction, schedule: .*use prediction=v"):
        composition.compose(root, CLASH)
    assert composition.compose(root, CLASH, is_checked=False).seed == 0
    assert composition.compose(root, [CLASH[0], "prediction=v"]).seed == 0


def test_a_broken_file_of_conf_is_one_error(project: Project) -> None:
    with pytest.raises(UserError, match=r"conf/schedule/cosine\.yaml is not valid YAML"):
        composition.compose(project(schedule__cosine="_target_: ["))
    with pytest.raises(UserError, match=r"does not resolve.*nowhere"):
        composition.compose(project(), ["name=${nowhere}"])


def test_nothing_is_left_to_resolve_and_nothing_can_be_changed(project: Project) -> None:
    composed = composition.compose(project("seed: 4\n"))
    assert composed.sample.seed == 4
    assert "${" not in yaml.safe_dump(plain(composed))
    with pytest.raises(OmegaConfBaseException):
        composed.training.steps = 5
    with pytest.raises(OmegaConfBaseException):
        _ = composed.training.step


def test_the_root_is_found_from_below(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project()
    (root / "notebooks" / "deep").mkdir(parents=True)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    for place in (root, root / "notebooks" / "deep"):
        monkeypatch.chdir(place)
        assert composition.project_root() == root
    monkeypatch.chdir(tmp_path)
    assert composition.project_root() == ROOT
    monkeypatch.setenv("PROJECT_ROOT", str(root))
    assert composition.project_root() == root
    monkeypatch.setenv("PROJECT_ROOT", str(tmp_path))
    with pytest.raises(UserError, match=rf"PROJECT_ROOT={tmp_path}"):
        composition.project_root()


def test_params_of_before_are_taken_under_todays_keys(project: Project) -> None:
    params = "times: importance\noverrides: [denoiser.label_dropout=0.3]\n"
    composed = composition.compose(project(params))
    assert composed.time_sampling["_target_"] == "snowmelt.time_sampling.Importance"
    assert composed.denoiser.p_uncond == 0.3


BASED = """\
# @package _global_
defaults:
  - mine
  - override /sampler: ddim
training:
  batch_size: 3
"""


def test_an_experiment_may_build_on_another_and_both_beat_params(project: Project) -> None:
    params = "schedule: sigmoid\nsampler: heun\noverrides: [training.learning_rate=0.5]\n"
    root = project(params, experiment__mine=EXPERIMENT, experiment__based=BASED)
    built = composition.compose(root, ["experiment=based"])
    assert steps_and_schedule(built) == (7, "Linear")
    assert (built.sampler.eta, built.training.batch_size) == (0.0, 3)
    assert built.training.learning_rate == 0.5
    own = BASED.replace("override /sampler: ddim", "override /schedule: quadratic")
    root = project(experiment__mine=EXPERIMENT, experiment__based=own)
    built = composition.compose(root, ["experiment=based"])
    assert steps_and_schedule(built) == (7, "Quadratic")


def test_an_experiment_that_builds_on_none_or_on_itself_is_refused(
    project: Project,
) -> None:
    root = project(experiment__based=BASED)
    with pytest.raises(UserError, match="name mine, but there is no conf/experiment/mine"):
        composition.compose(root, ["experiment=based"])
    root = project(experiment__mine=BASED)
    with pytest.raises(UserError, match="round in a circle: mine -> mine"):
        composition.compose(root, ["experiment=mine"])
