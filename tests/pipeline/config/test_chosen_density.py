"""The density of a configuration, and the folder of what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.densities import DoubleGaussian, Perturbable
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.config.chosen_density import (
    density_name,
    results_folder,
)

ROOT = Path(__file__).parents[3]


def test_density_name_and_folder(tmp_path: Path) -> None:
    composed = composition.compose(ROOT, ["density=double_gaussian"], is_checked=False)
    assert isinstance(build(composed.density, Perturbable, root=Path()), DoubleGaussian)
    assert density_name(composed, ROOT) == "double_gaussian"
    usual = results_folder(composed, ROOT, "gallery", None)
    assert usual == ROOT / "outputs" / "gallery" / "double_gaussian"
    assert results_folder(composed, ROOT, "gallery", tmp_path / "new") == tmp_path / "new"
    assert results_folder(composed, ROOT, "gallery", tmp_path) == tmp_path
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="name a folder"):
        results_folder(composed, ROOT, "gallery", tmp_path / "file")


def test_what_is_no_density_is_refused() -> None:
    wrong = OmegaConf.create({"density": {"_target_": "snowmelt.samplers.DPM"}})
    with pytest.raises(UserError, match="is not a Perturbable"):
        build(wrong.density, Perturbable, root=Path())
