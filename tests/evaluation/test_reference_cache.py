"""A reference is made once: what names it, what is trusted, and how much is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.damage import flip
from tests.evaluation.test_reference_features import RANDOM, content

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import reference_cache, reference_features
from snowmelt.evaluation.reference_cache import ReferenceCache, identity

PLAIN = RANDOM | {"independent_classifier": None}
INCEPTION = {
    "_target_": "snowmelt.features.Inception",
    "weights": "mine.pth",
    "independent_classifier": None,
}


@pytest.fixture
def made(make_images: Callable, tmp_path: Path) -> Path:
    """A reference that stage reference wrote."""
    reference_features.write(tmp_path / "made", make_images(), PLAIN, tmp_path)
    return tmp_path / "made"


@pytest.fixture
def cache(tmp_path: Path) -> ReferenceCache:
    return ReferenceCache(tmp_path / "kept", "a" * 64)


def test_what_was_kept_comes_back_byte_by_byte(
    made: Path, cache: ReferenceCache, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "reference"
    assert cache.take(target) is None
    assert not target.exists()
    cache.keep(made)
    description = cache.take(target)
    assert description is not None
    assert description["train_count"] == 84
    assert content(target) == content(made)
    assert cache.take(target) is not None  # it replaces what the stage made


@pytest.mark.parametrize("name", ["train_features.npy", "reference.json", "extractor.pt"])
def test_what_is_damaged_is_removed_and_not_taken(
    made: Path,
    cache: ReferenceCache,
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache.keep(made)
    flip(cache.place / name)
    assert cache.take(tmp_path / "target") is None
    assert not (tmp_path / "target").exists()
    assert not cache.place.exists()
    assert "damaged" in capsys.readouterr().out
    cache.keep(made)
    assert cache.take(tmp_path / "target") is not None


def test_what_goes_while_it_is_copied_is_not_taken(
    made: Path, cache: ReferenceCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(made)
    copy = shutil.copyfile

    def lose(source: Path, target: Path) -> None:
        copy(source, target)
        shutil.rmtree(cache.place, ignore_errors=True)

    monkeypatch.setattr(shutil, "copyfile", lose)
    assert cache.take(tmp_path / "target") is None
    assert not (tmp_path / "target").exists()


def test_a_folder_of_somebody_else_is_not_replaced(
    made: Path, cache: ReferenceCache, tmp_path: Path
) -> None:
    cache.keep(made)
    theirs = tmp_path / "theirs" / "thesis.txt"
    theirs.parent.mkdir()
    theirs.touch()
    with pytest.raises(UserError, match=r"holds no reference\.json"):
        cache.take(theirs.parent)
    assert theirs.exists()
    assert cache.place.exists()


def test_the_least_used_go_first(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_cache, "MOST", 2)
    caches = {name: ReferenceCache(tmp_path / "kept", name * 64) for name in "abc"}
    for age, name in enumerate("ab"):
        caches[name].keep(made)
        os.utime(caches[name].place, (1000 + age, 1000 + age))
    assert caches["a"].take(tmp_path / "target") is not None  # used now, so b is older
    caches["c"].keep(made)
    assert [name for name, one in caches.items() if one.place.exists()] == ["a", "c"]


def test_what_is_too_large_is_not_kept(
    made: Path, cache: ReferenceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_cache, "LARGEST", 1000)
    cache.keep(made)
    assert not cache.place.exists()


def test_a_place_that_cannot_be_written_keeps_nothing(made: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    cache = ReferenceCache(tmp_path / "kept", "a" * 64)
    cache.keep(made)
    assert cache.take(tmp_path / "target") is None


def test_all_that_decides_a_reference_names_it(
    make_images: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data: PreparedData = make_images()

    def name(features: dict[str, Any] = PLAIN, **given: Any) -> str:
        return identity(given.pop("manifest", data.manifest), features, tmp_path, **given)

    assert name() == name()
    others = [
        name(PLAIN | {"seed": 1}),
        name(RANDOM),
        name(manifest=make_images(seed=1, name="others").manifest),
        name(code=("common",)),
    ]
    assert len({name(), *others}) == 5
    weights = tmp_path / "mine.pth"
    weights.write_bytes(b"one")
    one = name(INCEPTION)
    weights.write_bytes(b"two")
    assert name(INCEPTION) != one
    here = name()
    monkeypatch.setattr(reference_cache, "version", lambda library: "another")
    assert name() != here
