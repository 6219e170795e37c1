"""A composed file is read back, and one that is none, or not whole, is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf.errors import OmegaConfBaseException
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.pipeline.config import composed_file, composition, settings
from snowmelt.training.settings import TrainingSettings


def test_what_compose_wrote_is_read_back(tmp_path: Path) -> None:
    composed = composition.compose(ROOT, is_checked=False)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(plain(composed)), encoding="utf-8")
    assert composed_file.load(path) == composed
    with pytest.raises(OmegaConfBaseException):
        composed_file.load(path).seed = 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "is missing: run `snowmelt compose`"),
        ("a: [", "is not valid YAML"),
        ("seed: 1", "is not a composed configuration"),
        ("[]", "is not a composed configuration"),
        (b"\xff\xfe\x00", "is not valid YAML"),
    ],
)
def test_other_files_are_not_read_as_one(
    tmp_path: Path, text: str | bytes | None, named: str
) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=rf"config\.yaml {named}"):
        composed_file.load(path)


def test_a_folder_is_none_and_not_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder: name the file that `snowmelt"):
        composed_file.load(tmp_path)


def test_a_reference_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    composed = plain(composition.compose(ROOT, is_checked=False))
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(composed | {"name": "${"}), encoding="utf-8")
    with pytest.raises(UserError, match=r"config\.yaml: name: '\$\{' begins a reference"):
        composed_file.load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trainig": {}}, "unknown key 'trainig' (did you mean 'training'?)"),
        ({"training": {"step": 5}}, "unknown key 'training.step' (did you mean 'steps'?)"),
        (
            {"training": {"steps": "many"}},
            "training.steps must be a positive integer, at most 1,000,000,000 or null, got",
        ),
        (
            {"training": {"steps": 0}},
            "training.steps must be a positive integer, at most 1,000,000,000 or null, got",
        ),
        ({"training": 5}, "training must be a mapping, got 5"),
        ({"schedule": 3}, "schedule must be a mapping with a _target_, got 3"),
        ({"paths": None}, "paths must be a mapping, got None"),
        ({"paths": {"root": "."}}, "paths.config must name a place, got None"),
        (
            {"data": {"name": "${nothing}"}},
            "data.name does not resolve: '${nothing}' refers to a key that is not there",
        ),
    ],
)
def test_a_composed_file_is_looked_at_too(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    composed = plain(composition.compose(ROOT, is_checked=False))
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(composed | change), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        composed_file.load(file)
    assert str(caught.value).removeprefix(f"{file}").lstrip(": ").startswith(said)


@pytest.mark.parametrize("part", ["schedule", "data", "sampler", "features", "net"])
def test_a_composed_file_that_lacks_a_part_is_named(tmp_path: Path, part: str) -> None:
    composed = plain(composition.compose(ROOT, is_checked=False))
    del composed[part]
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(composed), encoding="utf-8")
    with pytest.raises(UserError, match=rf"config\.yaml lacks '{part}': run `snowmelt"):
        composed_file.load(file)


def test_a_composed_file_of_before_gets_the_new_defaults(tmp_path: Path) -> None:
    composed = plain(composition.compose(ROOT, is_checked=False))
    del composed["training"]["log_every"], composed["mcmc"]
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(composed), encoding="utf-8")
    loaded = composed_file.load(file)
    assert loaded.training.log_every == TrainingSettings().log_every
    assert loaded.mcmc.points == settings.Settings().mcmc.points
