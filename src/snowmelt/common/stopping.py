"""Stopping in good order: on Ctrl-C, SIGTERM, a closed terminal, or an orphaned process.

A request to stop raises `Stopped` in the main thread, so that drafts are removed and runs
are closed on the way out; a training defers it to the end of a step and saves its state. A
second request, a second or more after the first, ends the process and its children at once.
A process that another one started and waits for ends when that one does, whatever ended it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

STATUS = 130
# The process that started this one and waits for it.
STARTER = "SNOWMELT_STARTER"
# Set by others that start this program and wait for it: DVC, torchrun.
STARTERS = ("DVC_STAGE", "TORCHELASTIC_RUN_ID")
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
]
# Signals that come together (a terminal's, a starter's) are one request.
ONE_REQUEST = 1.0
POLL = 0.5
# Seconds that a process has to save its state and close its run before it is killed.
GRACE = 30.0
ORPHAN_GRACE = 10.0


class Stopped(BaseException):
    """The command was asked to stop; the text says what was reached and kept.

    Not a KeyboardInterrupt: Lightning takes that for its own and exits with status 1.
    """


class _Request:
    """Whether, and when, this process was asked to stop."""

    since: float | None = None
    is_deferred = False
    children: ClassVar[list[subprocess.Popen[bytes]]] = []


@contextlib.contextmanager
def in_good_order(beat: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Turn requests to stop into `Stopped` inside the block.

    Args:
        beat: called twice a second while the process that started this one lives.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    _Request.since = None
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handle_signals()
    if STARTER in os.environ or any(name in os.environ for name in STARTERS):
        parent = int(os.environ.get(STARTER, os.getppid()))
        threading.Thread(target=_end_with, args=(parent, beat), daemon=True).start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def handle_signals() -> None:
    """Take the signals; again, where a library has put handlers of its own in place."""
    for number in SIGNALS:
        # Ignored by whoever started this (nohup, a shell's background job): left so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _asked)


def _asked(*_: Any) -> None:
    if _Request.since is None:
        _Request.since = time.monotonic()
        if not _Request.is_deferred:
            raise Stopped
    elif time.monotonic() - _Request.since > ONE_REQUEST and STARTER not in os.environ:
        _end_at_once()


def _end_at_once() -> NoReturn:
    for process in _Request.children:
        process.kill()
    os._exit(STATUS)


def is_asked() -> bool:
    """Whether this process was asked to stop."""
    return _Request.since is not None


def check() -> None:
    """Stop here if that was asked for, and a library has swallowed it."""
    if is_asked():
        raise Stopped


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the block look at `is_asked` and stop where it may, instead of anywhere."""
    _Request.is_deferred = True
    try:
        yield
    finally:
        _Request.is_deferred = False
    check()


def _end_with(parent: int, beat: Callable[[], None]) -> None:
    """Stop this process once `parent` is not its parent any more."""
    while os.getppid() == parent:
        beat()
        time.sleep(POLL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_GRACE)  # one that hangs where no signal is heard ends all the same
    _end_at_once()


def start(
    command: Sequence[str], environment: Mapping[str, str], **options: Any
) -> subprocess.Popen[bytes]:
    """Start a process that ends when this one does, and hears only SIGTERM from it.

    It belongs to the same group of processes, but leaves the terminal's signals to this
    one: Ctrl-C reaches it once, by way of this process.
    """
    is_main = threading.current_thread() is threading.main_thread()
    ignored = [number for number in SIGNALS if number != signal.SIGTERM and is_main]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    try:
        named = {STARTER: str(os.getpid())}
        return subprocess.Popen(command, env={**environment, **named}, **options)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def ending(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """End the processes with the block: asked to at an exception, killed after a while."""
    _Request.children += processes
    try:
        yield
    except BaseException:
        end(processes)
        raise
    finally:
        for process in processes:
            process.kill()
            process.wait()
            _Request.children.remove(process)


def end(processes: Sequence[subprocess.Popen[bytes]], grace: float = GRACE) -> None:
    """Ask the processes to stop; those that still run after `grace` seconds are killed."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + grace
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_children() -> None:
    """Ask all processes that are waited for to stop, whichever thread waits for them."""
    end([*_Request.children])


def how_to_go_on(arguments: Sequence[str]) -> str:
    """The command that goes on with what was stopped."""
    if "DVC_STAGE" in os.environ:
        return "dvc repro"
    return shlex.join(["snowmelt", *arguments])
