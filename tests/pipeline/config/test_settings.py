"""Declared settings: each default and sentence once, and what a person sees of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from snowmelt.common.instantiate import plain
from snowmelt.common.section import fields_of, kind_of
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.config import composition, schema, settings

ROOT = Path(__file__).parents[3]
DECLARED = dict(fields_of(settings.Settings))


def value_at(tree: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return None
        tree = tree[part]
    return tree


def test_every_key_has_a_sentence_and_a_default_that_it_takes_itself() -> None:
    schema.check(plain(composition.compose(ROOT, is_checked=False)))
    for key, field in DECLARED.items():
        assert str(field.description).endswith("."), key
        assert kind_of(field), key


def test_no_default_is_written_twice() -> None:
    """conf/ says where another value stands, or that a key takes that of another."""
    text = (ROOT / "conf" / "config.yaml").read_text(encoding="utf-8")
    written = yaml.safe_load(text)
    for section in ("trainer", "tracking", "likelihood"):
        for file in sorted((ROOT / "conf" / section).glob("*.yaml")):
            own = {section: yaml.safe_load(file.read_text(encoding="utf-8")) or {}}
            for key, field in DECLARED.items():
                said = value_at(own, key)
                is_named = key == "tracking.enabled"  # what the two files are about
                assert is_named or said is None or said != field.default, (file, key)
    for key in DECLARED:
        said = value_at(written, key)
        assert said is None or "${" in str(said), key


def test_compose_fills_in_every_declared_key(tmp_path: Path) -> None:
    composed = plain(composition.compose(ROOT, ["experiment=null"], is_checked=False))
    for key, field in DECLARED.items():
        if key.partition(".")[0] not in ("likelihood", "sample"):
            default = field.default
            wanted = list(default) if isinstance(default, tuple) else default
            assert value_at(composed, key) == wanted, key


def test_the_settings_are_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROJECT_ROOT", str(ROOT))
    assert main(("settings",)) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line[0] != " "] == [
        line for line in said.splitlines() if line.split(" = ")[0] in DECLARED
    ]
    assert said.count(" = ") >= len(DECLARED)
    assert main(("settings", "training.ema", "seed", "training.ema.decay=0.9")) == 0
    found = capsys.readouterr().out
    assert "training.ema.decay = 0.9  (a number in [0, 1); default 0.998)\n    Lar" in found
    assert "seed = " in found
    assert "training.steps" not in found
    assert main(("settings", "trainin")) == 2
    assert "(did you mean 'training'?)" in capsys.readouterr().err


def test_a_name_may_look_like_a_number() -> None:
    composed = composition.compose(ROOT, ["name=2024"], is_checked=False)
    assert str(composed.name) == "2024"


def test_the_files_of_a_part_say_what_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROJECT_ROOT", str(ROOT))
    assert main(("settings", "net", "seed", "grid")) == 0
    said = capsys.readouterr().out
    assert said.startswith("net is a file of conf/net/, where its keys are:\nnet=")
    assert "net=unet\n    A U-Net for small images such as the embedded 8x8" in said
    assert "grid=karras\n" in said
    assert "seed = 0  (" in said
    assert main(("settings", "experiment")) == 0
    assert "@package" not in capsys.readouterr().out
    assert main(("settings", "nets")) == 2
    assert "no settings 'nets'" in capsys.readouterr().err
