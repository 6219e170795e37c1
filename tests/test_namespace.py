"""`import snowmelt as sm`: every public name, for programs and for type checkers."""

from __future__ import annotations

import ast
import sys
from types import ModuleType

import pytest

import snowmelt
from snowmelt.common.errors import UserError
from snowmelt.common.public_names import NAMES, PARTS
from tests.project import ROOT, run_command, succeed

STUB = ast.parse((ROOT / "src/snowmelt/__init__.pyi").read_text(encoding="utf-8"))


def in_fresh_interpreter(program: str) -> str:
    return succeed(run_command(sys.executable, "-c", program, cwd=ROOT)).stdout.strip()


def stubbed() -> dict[str, str]:
    """The names that type checkers see, and where each comes from."""
    found = {}
    for node in STUB.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name, "only such a name is public in a stub"
                found[alias.name] = f"{node.module}.{alias.name}"
    return found


def test_every_public_name_is_there_in_a_fresh_interpreter() -> None:
    names = [*PARTS, *NAMES]
    program = f"import snowmelt as sm\nfor name in {names!r}: print(getattr(sm, name))"
    assert len(in_fresh_interpreter(program).splitlines()) == len(names)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_the_module_that_holds_it(name: str) -> None:
    part = getattr(snowmelt, name)
    assert isinstance(part, ModuleType)
    assert part.__name__ == PARTS[name]
    assert part.__doc__, "a part says what it holds"


@pytest.mark.parametrize("name", ["data", "evaluation", "mcmc", "pipeline", "viz"])
def test_every_name_of_a_lazy_part_leads_somewhere(name: str) -> None:
    part = getattr(snowmelt, name)
    for inside in dir(part):
        assert getattr(part, inside) is not None
    with pytest.raises(AttributeError, match=rf"snowmelt\.(\w+\.)?{name} has no loud"):
        _ = part.loud


def test_a_part_imports_what_is_heavy_only_when_it_is_asked_for() -> None:
    program = (
        "import sys, snowmelt as sm; sm.viz, sm.data, sm.evaluation, sm.pipeline\n"
        "print(sorted({'matplotlib', 'torch', 'numpy', 'hydra'} & sys.modules.keys()))"
    )
    assert in_fresh_interpreter(program) == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_beside_the_parts_is_that_of_its_module(name: str) -> None:
    found = getattr(snowmelt, name)
    assert found.__name__ == name
    assert found.__doc__


def test_a_checkpoint_of_the_pipeline_loads_by_its_path_as_text() -> None:
    with pytest.raises(UserError, match=r"nowhere\.ckpt is missing"):
        snowmelt.load("nowhere.ckpt")


def test_the_import_alone_imports_nothing_heavy() -> None:
    program = "import sys, snowmelt; print(sorted({'torch', 'numpy'} & sys.modules.keys()))"
    assert in_fresh_interpreter(program) == "[]"


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no public name loud: .*Denoiser.*schedules"):
        _ = snowmelt.loud  # type: ignore[attr-defined]
    assert not hasattr(snowmelt, "__wrapped__")


def test_dir_lists_the_public_names() -> None:
    assert {*PARTS, *NAMES, "__version__"} == set(dir(snowmelt))


def test_the_stub_knows_the_same_names() -> None:
    found = stubbed()
    assert found.keys() == {*PARTS, *NAMES}
    assert {name: found[name] for name in PARTS} == PARTS
    for name, place in NAMES.items():
        assert found[name] == f"{place}.{name}"


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src/snowmelt/py.typed").read_bytes() == b""
