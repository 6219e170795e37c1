"""The digest of source files, part by part."""

from __future__ import annotations

from pathlib import Path

import pytest

from snowmelt.common import code_identity
from snowmelt.common.code_identity import code_digest, source_files
from snowmelt.training import resume

PROGRAM = {
    "__init__.py": "",
    "colours/__init__.py": "",
    "colours/red.py": "RED = 1\n",
    "colours/warm/orange.py": "ORANGE = 2\n",
    "brushes.py": "",
    "unused.py": "",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small program in the package's place."""
    for name, text in PROGRAM.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code_identity, "PACKAGE", tmp_path)
    return tmp_path


def names(package: Path, *parts: str) -> list[str]:
    return [path.relative_to(package).as_posix() for path in source_files(parts)]


def test_a_folder_is_taken_whole_and_each_file_once(package: Path) -> None:
    inside = ["colours/__init__.py", "colours/red.py", "colours/warm/orange.py"]
    assert names(package, "colours") == inside
    assert names(package, "brushes.py", "colours", "colours/red.py") == [
        "brushes.py",
        *inside,
    ]


def test_what_python_compiled_is_no_source(package: Path) -> None:
    cache = package / "colours" / "__pycache__"
    cache.mkdir()
    (cache / "red.cpython-311.pyc").write_bytes(b"\0")
    assert len(names(package, "colours")) == 3


def test_the_digest_is_of_just_these_files(package: Path) -> None:
    before = code_digest(("colours",)), code_digest(("brushes.py",))
    (package / "unused.py").write_text("changed = 1")
    assert (code_digest(("colours",)), code_digest(("brushes.py",))) == before
    (package / "colours" / "red.py").write_text("RED = 2\n")
    assert code_digest(("brushes.py",)) == before[1]
    assert code_digest(("colours",)) != before[0]


def test_the_digest_knows_where_one_file_ends_and_what_it_is_called(package: Path) -> None:
    digests = set()
    for texts in (("a = 1\n", ""), ("", "a = 1\n"), ("", "")):
        (package / "brushes.py").write_text(texts[0])
        (package / "unused.py").write_text(texts[1])
        digests.add(code_digest(("brushes.py", "unused.py")))
    assert len(digests) == 3


def test_the_order_of_the_parts_does_not_matter(package: Path) -> None:
    assert code_digest(("brushes.py", "colours")) == code_digest(("colours", "brushes.py"))


@pytest.mark.parametrize("part", ["gone", "gone.py"])
def test_a_part_that_is_not_there_is_an_error(package: Path, part: str) -> None:
    with pytest.raises(FileNotFoundError, match=part):
        code_digest((part,))


def test_every_part_that_decides_a_training_is_there() -> None:
    files = {path.name for path in source_files(resume.CODE)}
    assert {"module.py", "ema.py", "unet.py", "denoiser.py", "randomness.py"} <= files
    assert "callbacks.py" not in files
