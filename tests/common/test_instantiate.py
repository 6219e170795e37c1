"""Building what a configuration names: every file of conf/, and no stranger's class."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from snowmelt.common import public_names
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.sources.source import Source
from snowmelt.data.starts import Start
from snowmelt.densities import Perturbable
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.predictions import Eps, Prediction
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, NoiseSchedule
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.nets.net import Net
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.config.overrides import OPTIONAL
from snowmelt.sampling.guidance.guidance import Guidance
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.thresholds import Threshold
from snowmelt.training.couplings import Coupling
from snowmelt.training.optimizers import Recipe

ROOT = Path(__file__).parents[2]
GROUPS = composition.groups(ROOT)
FILES = [(group, choice) for group, choices in GROUPS.items() for choice in choices]
BASES: dict[str, type] = {
    "schedule": NoiseSchedule,
    "process": Process,
    "prediction": Prediction,
    "loss": Loss,
    "time_sampling": TimeSampler,
    "net": Net,
    "optimizer": Recipe,
    "start": Start,
    "coupling": Coupling,
    "interpolant": Interpolant,
    "sampler": Sampler,
    "grid": Grid,
    "threshold": Threshold,
    "guidance": Guidance,
    "data": Source,
    "density": Perturbable,
}
# Where the files of a group end up, if not under its name.
PLACES = {"grid": "sampler.grid", "threshold": "sampler.threshold"}


@cache
def composed(turn: int) -> DictConfig:
    """Every group at once at one of its choices, so that few are composed to see all.

    Such mixtures are not meant to go together, so that is not asked.
    """
    choices = [f"{g}={names[turn % len(names)]}" for g, names in chosen()]
    return composition.compose(ROOT, choices, is_checked=False)


def chosen() -> list[tuple[str, list[str]]]:
    """The groups whose files are independent of each other."""
    return [(g, names) for g, names in GROUPS.items() if names and g not in OPTIONAL]


@pytest.mark.parametrize(("group", "choice"), FILES, ids=[f"{g}={c}" for g, c in FILES])
def test_every_file_of_conf_composes_and_builds(group: str, choice: str) -> None:
    if group in OPTIONAL:
        assert composition.compose(ROOT, [f"{group}={choice}"]).training.steps > 0
        return
    whole = composed(GROUPS[group].index(choice))
    section = OmegaConf.select(whole, PLACES.get(group, group))
    if section is None:
        assert choice == "none"
    elif group in BASES and "_target_" in section:
        extra = {"schedule": Cosine()} if group == "process" else {}
        assert isinstance(built(group, section, extra), BASES[group])
    elif "_target_" in section:
        assert section["_target_"].startswith("snowmelt.")
        assert inspect.isclass(public_names.find(section["_target_"]))


def built(group: str, section: DictConfig, extra: dict[str, Any]) -> Any:
    if group in ("data", "density", "start"):
        return build(section, BASES[group], root=ROOT)
    if group != "net":
        return build(section, BASES[group], **extra)
    shape = (2,) if "MLP" in section["_target_"] else (1, 8, 8)
    return build(section, Net, shape=shape)


def test_every_choice_of_every_group_is_seen() -> None:
    assert FILES
    assert set(BASES) <= set(GROUPS)


def test_arguments_come_from_the_node_and_from_the_caller() -> None:
    node = OmegaConf.create({"_target_": "snowmelt.schedules.Cosine", "log_snr_max": 6.0})
    schedule = build(node, NoiseSchedule)
    assert isinstance(schedule, Cosine)
    process = build(
        {"_target_": "snowmelt.processes.VariancePreserving"},
        Process,
        schedule=schedule,
        shape=(2,),
    )
    # What the class does not take is not forced on it.
    assert isinstance(process, VariancePreserving)
    assert process.schedule is schedule


def test_the_node_is_left_as_it_was() -> None:
    node = {"_target_": "snowmelt.predictions.Eps"}
    assert isinstance(build(node, Prediction), Eps)
    assert node == {"_target_": "snowmelt.predictions.Eps"}


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.exec",
        "torch.nn.Linear",
        "snowmeltish.schedules.Cosine",
        "snowmelt.common.instantiate.build",
        "snowmelt.common.instantiate.importlib.import_module",
        "snowmelt.common.files.os.system",
        "snowmelt.diffusion.schedules.math",
        "snowmelt..schedules.Cosine",
        "snowmelt.diffusion.schedules.Missing",
        "snowmelt.missing.Cosine",
        "snowmelt.diffusion.predictions.Eps",
        "snowmelt.diffusion.schedules.NoiseSchedule",
        "",
    ],
)
def test_only_a_class_of_ours_of_the_right_kind_is_built(target: str) -> None:
    with pytest.raises(UserError, match=f"_target_ '{target}'"):
        build({"_target_": target}, NoiseSchedule)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            {"log_snr_top": 3.0},
            r"unknown key 'log_snr_top' \(did you mean 'log_snr_min'\?\). Known keys: log",
        ),
        ({"log_snr_max": -20.0}, "log_snr_max must lie above log_snr_min"),
        ({"log_snr_max": None}, r"log_snr_max must be a number in \[-200, 200\], got None"),
        ({"log_snr_max": "10"}, r"log_snr_max must be a number in .*, got '10'"),
        ({"log_snr_max": True}, r"log_snr_max must be a number in .*, got True"),
        ({"log_snr_max": float("nan")}, r"log_snr_max must be a number in .*, got nan"),
        ({"log_snr_max": 1e300}, r"log_snr_max must be a number in .*, got 1e\+300"),
        ({"_partial_": True}, "unknown key '_partial_'"),
    ],
)
def test_refused_arguments_name_the_class(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=f"snowmelt.schedules.Cosine: .*{named}|{named}: "):
        build({"_target_": "snowmelt.schedules.Cosine", **arguments}, NoiseSchedule)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(UserError, match="Gaussian: steps is missing"):
        build({"_target_": "snowmelt.samplers.Gaussian"}, Sampler)


def test_a_package_of_a_similar_name_is_not_even_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = tmp_path / "evidence"
    (tmp_path / "snowmelt_more.py").write_text(
        "from pathlib import Path\n"
        "from snowmelt.diffusion.schedules import Cosine\n"
        f"Path({str(evidence)!r}).touch()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="only those are built"):
        build({"_target_": "snowmelt_more.Cosine"}, NoiseSchedule)
    assert not evidence.exists()
