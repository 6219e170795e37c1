"""Every file of conf/data/ names a source and carries the common keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.sources.source import Source

CONF = Path(__file__).parents[3] / "conf" / "data"
CHOICES = sorted(path.stem for path in CONF.glob("*.yaml"))


def node(choice: str) -> dict[str, object]:
    density = OmegaConf.load(CONF.parent / "density" / "double_gaussian.yaml")
    own = OmegaConf.load(CONF / f"{choice}.yaml")
    config = OmegaConf.create({"data": own, "data_path": "data/raw", "density": density})
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return dict(plain["data"])


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_builds_from_its_file(choice: str, tmp_path: Path) -> None:
    plain = node(choice)
    assert {"name", "held_out_fraction", "split_seed"} <= plain.keys()
    source = build(plain, Source, root=tmp_path)
    assert (source.name, source.root) == (choice, tmp_path)


@pytest.mark.parametrize("choice", CHOICES)
def test_an_unknown_key_is_refused(choice: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="colour"):
        build(node(choice) | {"colour": 1}, Source, root=tmp_path)
