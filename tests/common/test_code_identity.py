"""Which files a stage runs: the two rules, the digest, and what dvc.yaml says."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from snowmelt.common import code_identity
from snowmelt.common.code_identity import PACKAGE, code_digest, code_of, write_into

ROOT = Path(__file__).parents[2]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
runs_of = functools.cache(code_of)
every_stage = pytest.mark.parametrize("stage", PIPELINE)

PROGRAM = {
    "__init__.py": "",
    "stages/__init__.py": "",
    "stages/paint.py": """
        import numpy
        from snowmelt import brushes
        from snowmelt.colours import RED, Colour as Shade

        def run():
            import snowmelt.late.sub
            return build(node, Shade)
    """,
    "stages/clean.py": "import os",
    "brushes.py": "from snowmelt.deeper import anything",
    "deeper.py": "from snowmelt.brushes import round_trip",
    "colours/__init__.py": "from snowmelt.colours.base import Colour",
    "colours/base.py": "",
    "colours/red.py": "from snowmelt.pigments import mix",
    "pigments.py": "",
    "late/__init__.py": "",
    "late/sub.py": "",
    "late/other.py": "",
    "unused.py": "from snowmelt import brushes",
}


def dedented(text: str) -> str:
    return "\n".join(line.removeprefix(" " * 8) for line in text.splitlines())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small program in the package's place."""
    for name, text in PROGRAM.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dedented(text))
    monkeypatch.setattr(code_identity, "PACKAGE", tmp_path)
    code_identity._modules.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    code_identity._modules.cache_clear()


def names(package: Path, stage: str) -> set[str]:
    return {str(path.relative_to(package)) for path in code_of(stage)}


def test_imports_parents_and_what_may_be_built(package: Path) -> None:
    # From `package.module import name`, build(node, Base) reaches the module's siblings.
    source = package / "stages" / "paint.py"
    source.write_text(source.read_text().replace("colours import", "colours.base import"))
    assert names(package, "paint") == set(PROGRAM) - {
        "stages/clean.py",
        "late/other.py",
        "unused.py",
    }
    assert names(package, "clean") == {
        "__init__.py",
        "stages/__init__.py",
        "stages/clean.py",
    }
    assert code_of("paint") == sorted(code_of("paint"))


def test_without_a_build_the_siblings_stay_out(package: Path) -> None:
    source = package / "stages" / "paint.py"
    source.write_text(source.read_text().replace("build(node, Shade)", "None"))
    assert "colours/base.py" in names(package, "paint")
    assert not {"colours/red.py", "pigments.py"} & names(package, "paint")


def test_a_file_is_parsed_once_and_again_when_it_changed(package: Path) -> None:
    source = package / "stages" / "paint.py"
    before = names(package, "paint")
    parsed = code_identity._read.cache_info().misses
    assert names(package, "paint") == before
    assert code_identity._read.cache_info().misses == parsed, "nothing has changed"
    stamp = source.stat()
    text = source.read_text()
    source.write_text(text.replace("import snowmelt.late.sub", "import snowmelt.unused  "))
    os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert source.stat().st_size == stamp.st_size
    assert names(package, "paint") ^ before == {
        "late/__init__.py",
        "late/sub.py",
        "unused.py",
    }
    # The changed file, and one that it brings.
    assert code_identity._read.cache_info().misses == parsed + 2


def test_the_digest_is_of_just_these_files(package: Path) -> None:
    before = code_digest("clean"), code_digest("paint")
    (package / "unused.py").write_text("changed = 1")
    assert (code_digest("clean"), code_digest("paint")) == before
    for text in ("changed = 1", "changed = 2"):
        (package / "deeper.py").write_text(text)
        assert code_digest("clean") == before[0]
        assert code_digest("paint") != before[1]
        before = before[0], code_digest("paint")


def test_the_digest_knows_where_one_file_ends(package: Path) -> None:
    first, second = package / "__init__.py", package / "stages" / "__init__.py"
    digests = set()
    for texts in (("a = 1\n", ""), ("", "a = 1\n"), ("", "")):
        first.write_text(texts[0])
        second.write_text(texts[1])
        digests.add(code_digest("clean"))
    assert len(digests) == 3


@every_stage
def test_dvc_lists_what_the_stage_runs(stage: str) -> None:
    listed = {d for d in PIPELINE[stage]["deps"] if d.startswith("src/")}
    runs = {path.relative_to(ROOT).as_posix() for path in runs_of(stage)}
    assert listed == runs, (
        f"dvc.yaml, stage {stage}: missing {sorted(runs - listed)},"
        f" too many {sorted(listed - runs)}: run `make dependencies`"
    )


@every_stage
def test_a_stage_depends_on_its_own_file_and_no_other_stages(stage: str) -> None:
    inside = [path.stem for path in runs_of(stage) if path.parent.name == "stages"]
    assert inside == ["__init__", stage]


def test_a_page_is_rebuilt_when_its_template_changes() -> None:
    templates = {path for path in (PACKAGE / "report").iterdir() if path.suffix == ".html"}
    assert templates
    assert templates <= set(runs_of("report"))


@pytest.mark.parametrize("stage", ["prepare", "train"])
def test_training_does_not_depend_on_films(stage: str) -> None:
    names = {path.name for path in runs_of(stage) if path.parent.name == "figures"}
    assert "points.py" in names
    assert not names & {"films.py", "reel.py", "gif.py", "density.py"}


@pytest.mark.slow
def test_nothing_is_imported_that_was_not_foreseen() -> None:
    modules = ", ".join(f"snowmelt.pipeline.stages.{stage}" for stage in PIPELINE)
    code = (
        f"import sys, {modules}\n"
        "for name, module in sys.modules.items():\n"
        "    if name.split('.')[0] == 'snowmelt': print(module.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = {Path(line).resolve() for line in done.stdout.splitlines()}
    foreseen = {path.resolve() for stage in PIPELINE for path in code_of(stage)}
    assert imported <= foreseen


@functools.cache
def sources() -> list[tuple[str, ast.Module]]:
    return [
        (str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


def test_every_import_can_be_read_off() -> None:
    """No relative import, and no module named at run time but by the two who may."""
    for name, tree in sources():
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ImportFrom) and node.level), name
            if isinstance(node, ast.Attribute) and node.attr == "import_module":
                assert name in ("building.py", "cli.py")


def test_every_build_names_an_imported_base() -> None:
    seen = 0
    for name, tree in sources():
        if name == "building.py":  # it builds arguments of what was asked for
            continue
        imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "build":
                assert len(node.args) == 2, name
                assert ast.unparse(node.args[1]) in imported, name
                seen += 1
    assert seen > 5


def test_writing_brings_a_stale_pipeline_up_to_date(tmp_path: Path) -> None:
    pipeline = tmp_path / "dvc.yaml"
    pipeline.write_text(
        "# about the pipeline\n"
        "stages:\n"
        "  compose:\n"
        "    cmd: python -m snowmelt compose   # a comment\n"
        "    deps:\n"
        "      - conf\n"
        "      - src/snowmelt/gone.py\n"
        "    outs:\n"
        "      - outputs/config.yaml\n"
        "plots: []\n"
    )
    write_into(pipeline)
    text = pipeline.read_text()
    assert "# about the pipeline\n" in text
    assert "# a comment\n" in text
    content = yaml.safe_load(text)
    runs = [path.relative_to(ROOT).as_posix() for path in code_of("compose")]
    assert content["stages"]["compose"]["deps"] == ["conf", *runs]
    assert content["stages"]["compose"]["outs"] == ["outputs/config.yaml"]
    write_into(pipeline)
    assert pipeline.read_text() == text
