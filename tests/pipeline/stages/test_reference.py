"""The stage reference: from prepared data to its folder, or one clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf
from tests.evaluation.test_reference_features import content
from tests.pipeline.coverage import ROOT, listed

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_cache
from snowmelt.evaluation.features import classifier_training
from snowmelt.evaluation.reference_features import Reference
from snowmelt.pipeline.stages import prepare, reference

CONF = Path(__file__).parents[3] / "conf"
MakeConfig = Callable[..., DictConfig]


@pytest.fixture
def config() -> MakeConfig:
    """A function that makes a configuration for the digits."""

    def make(features: str = "classifier", **changes: object) -> DictConfig:
        whole = OmegaConf.create(
            {
                "data": OmegaConf.load(CONF / "data" / "digits.yaml"),
                "data_path": "raw",
                "features": OmegaConf.load(CONF / "features" / f"{features}.yaml"),
                "trainer": {"processes": 1, "num_nodes": 1},
                "paths": {"prepared": "prepared", "reference": "out/reference"},
            }
        )
        for key, value in changes.items():
            OmegaConf.update(whole, key, value)
        return OmegaConf.create(plain(whole))

    return make


def test_digits(
    tmp_path: Path, config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = config(**{"features.steps": 300, "features.independent_classifier.steps": 300})
    prepare.run(chosen, tmp_path)
    target = reference.run(chosen, tmp_path)
    assert target == tmp_path / "out" / "reference"
    manifest = PreparedData.open(tmp_path / "prepared").manifest
    figures = Reference.open(target, manifest).description["figures"]
    assert figures["extractor_accuracy"] >= 0.97
    assert figures["judge_accuracy"] >= 0.97
    assert figures["judge_calibration_error"] < 0.05
    said = capsys.readouterr().out
    assert (
        f"accuracy of the independent classifier {100 * figures['judge_accuracy']:.1f} %"
        in said
    )


def test_the_second_time_nothing_is_trained(
    tmp_path: Path,
    config: MakeConfig,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = {"features.steps": 20, "features.independent_classifier.steps": 20}
    chosen = config(**few)
    prepare.run(chosen, tmp_path)
    first = content(reference.run(chosen, tmp_path))
    assert "made before" not in capsys.readouterr().out

    def refuse(*_: object) -> None:
        raise AssertionError("it was made before")

    monkeypatch.setattr(classifier_training, "train", refuse)
    elsewhere = config(**few, **{"paths.reference": "job/reference"})
    assert content(reference.run(elsewhere, tmp_path)) == first
    said = capsys.readouterr().out
    assert "; made before, and kept in " in said
    assert "64 features by classifier" in said
    with pytest.raises(AssertionError, match="made before"):
        reference.run(config(**few, **{"features.seed": 1}), tmp_path)


def test_the_cache_is_named_by_the_code_that_dvc_watches() -> None:
    watched = {file for file in listed("reference") if "pipeline" not in file.parts}
    named = {ROOT / "src" / "snowmelt" / part for part in reference_cache.CODE}
    code = {place for place in watched if "src" in place.parts}
    assert named == code - {Path(reference_cache.__file__)}


def test_nothing_prepared(tmp_path: Path, config: MakeConfig) -> None:
    with pytest.raises(
        UserError, match=r"manifest\.json is missing: run `snowmelt prepare`"
    ):
        reference.run(config(), tmp_path)


def test_stale_data(tmp_path: Path, config: MakeConfig) -> None:
    prepare.run(config(), tmp_path)
    with pytest.raises(UserError, match=r"data\.split_seed"):
        reference.run(config(**{"data.split_seed": 5}), tmp_path)
    assert not (tmp_path / "out").exists()


def test_data_and_extractor_do_not_go_together(tmp_path: Path, config: MakeConfig) -> None:
    chosen = config("coordinates")
    prepare.run(chosen, tmp_path)
    with pytest.raises(UserError, match=r"features=coordinates.*features=classifier"):
        reference.run(chosen, tmp_path)
    assert not (tmp_path / "out").exists()
