"""Requests to stop: where they end a command, and who hears them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.project import clean_environment

from snowmelt.common import stopping

# A starter with one child, both light; the child writes what becomes of it.
CHILD = """
import os, sys, time
from snowmelt.common import stopping
try:
    with stopping.in_good_order():
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(60)
except stopping.Stopped:
    open(sys.argv[1] + ".stopped", "w").close()
"""
STARTER = """
import os, sys
from snowmelt.common import stopping
try:
    with stopping.in_good_order():
        child = stopping.start([sys.executable, "-c", sys.argv[2], sys.argv[1]], os.environ)
        with stopping.ending([child]):
            child.wait()
except stopping.Stopped:
    sys.exit(stopping.STATUS)
"""


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_request_stops_where_it_comes(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(stopping.Stopped), stopping.in_good_order():  # noqa: PT012
        signal.raise_signal(number)
        pytest.fail("it went on")
    assert signal.getsignal(number) is before


def test_a_deferred_request_waits_for_the_end_of_the_block() -> None:
    reached = False
    with pytest.raises(stopping.Stopped), stopping.in_good_order():  # noqa: PT012
        with stopping.deferred():
            signal.raise_signal(signal.SIGTERM)
            assert stopping.is_asked()
            reached = True
        pytest.fail("it went on")
    assert reached


def test_signals_that_come_together_are_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with pytest.raises(stopping.Stopped), stopping.in_good_order(), stopping.deferred():  # noqa: PT012
        for number in stopping.SIGNALS:
            signal.raise_signal(number)
        assert ended == []
        monkeypatch.setattr(stopping, "ONE_REQUEST", -1.0)
        signal.raise_signal(signal.SIGINT)
        assert ended == [130]


def test_a_signal_that_was_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping.in_good_order():
            signal.raise_signal(signal.SIGHUP)
            assert not stopping.is_asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_swallowed_request_is_found_again() -> None:
    with pytest.raises(stopping.Stopped), stopping.in_good_order():  # noqa: PT012
        with contextlib.suppress(stopping.Stopped):
            signal.raise_signal(signal.SIGINT)
        stopping.check()
        pytest.fail("it went on")


@pytest.mark.parametrize(
    ("environment", "then"),
    [({}, "snowmelt train 'net.widths=[8,16]'"), ({"DVC_STAGE": "train"}, "dvc repro")],
)
def test_it_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], then: str
) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert stopping.how_to_go_on(["train", "net.widths=[8,16]"]) == then


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def _soon(condition: object) -> bool:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_process_ends_with_the_one_that_started_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    note = tmp_path / "child"
    command = [sys.executable, "-c", STARTER, str(note), CHILD]
    with subprocess.Popen(command, env=clean_environment()) as starter:
        assert _soon(lambda: note.exists() and note.read_text())
        child = int(note.read_text())
        starter.send_signal(number)
        assert starter.wait(60) == (-number if number == signal.SIGKILL else 130)
    assert _soon(lambda: not _is_alive(child))
    assert (tmp_path / "child.stopped").exists(), "the child was not asked, but killed"


def test_one_that_does_not_hear_is_killed() -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(1, flush=True); time.sleep(60)"
    )
    process = stopping.start([sys.executable, "-c", deaf], os.environ, stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()
    with process.stdout, stopping.ending([process]):
        stopping.end([process], grace=0.1)
        assert process.returncode == -signal.SIGKILL
