"""What a process frees is there for its next operation, unless the user says otherwise."""

from __future__ import annotations

import platform

import pytest

from snowmelt.pipeline.freed_memory import SAID_BY, keep_freed_memory
from tests.project import said_by

HAS_GLIBC = platform.libc_ver()[0] == "glibc"
# How many pages the system had to give out while 64 MB were taken and freed ten times.
PROGRAM = """
import resource
from snowmelt.pipeline import cli
def run(_):
    def touch():
        b"x" * 2**26
    touch()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        touch()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
cli._run = run
cli.main(["settings"])
"""


def pages(**given: str) -> int:
    return int(said_by(PROGRAM, SAID_BY, **given))


@pytest.mark.skipif(not HAS_GLIBC, reason="another library of memory")
def test_a_block_that_is_freed_is_taken_again() -> None:
    assert pages() < 100
    # As glibc does by itself, at which the user may leave it: 16,384 pages each time.
    assert pages(MALLOC_TRIM_THRESHOLD_="131072") > 1000


@pytest.mark.parametrize("name", SAID_BY)
def test_the_user_is_not_overruled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert not keep_freed_memory()
