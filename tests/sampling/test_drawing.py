"""A task is divided among processes: each has its share, and the bytes are those of one."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sampling.stopped_sample import COUNT, SIZE, asked, drawn

from snowmelt.common import distributed
from snowmelt.common.rank_reports import Reporter
from snowmelt.sampling.drawing import draw
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.storage.kept_samples import ARRAY, KeptSamples, Task

Written = list[tuple[int, int]]


class Together:
    """One of the processes of a group, as a thread."""

    def __init__(self, rank: int, barrier: threading.Barrier | None = None) -> None:
        self.rank, self.world_size, self._barrier = rank, 2, barrier

    def wait(self) -> None:
        if self._barrier is not None:
            self._barrier.wait(60)


def opened(made: Generator, folder: Path) -> tuple[KeptSamples, Task]:
    keeper = KeptSamples(folder / "kept")
    shape = (made.request.num_samples, *made.manifest.shape)
    request = made.request.describe()
    return keeper, keeper.opened(request, made.manifest.dtype, shape, folder / "none", 2)


def pixels(files: dict[str, bytes], tmp_path: Path) -> Any:
    (tmp_path / "one.npy").write_bytes(files["samples.npy"])
    return np.load(tmp_path / "one.npy")


@pytest.mark.parametrize(("count", "size"), [(50, 8), (33, 20), (7, 100), (1, 5)])
def test_two_processes_fill_the_array_of_one(
    count: int, size: int, tmp_path: Path, written: Written
) -> None:
    made = asked(count=count)
    whole = pixels(drawn(tmp_path, made), tmp_path)
    written.clear()
    keeper, task = opened(made, tmp_path)
    barrier = threading.Barrier(2)
    other = threading.Thread(
        target=draw, args=(made, task, Together(1, barrier), size), daemon=True
    )
    other.start()
    draw(made, task, Together(0, barrier), size)  # type: ignore[arg-type]
    other.join()
    assert np.array_equal(np.load(task.place / ARRAY), whole)
    assert keeper.reached() == f"{count} of {count} samples"
    keeper.close()
    shares = [sum(n for first, n in written if first < count // 2), 0]
    shares[1] = sum(n for _, n in written) - shares[0]
    assert shares == [count // 2, count - count // 2], "no sample twice, and equal shares"


def test_one_process_goes_on_where_another_group_was_killed(
    tmp_path: Path, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = drawn(tmp_path / "whole")
    keeper, task = opened(asked(), tmp_path)
    draw(asked(), task, Together(1), SIZE)  # type: ignore[arg-type]
    keeper.close()
    written.clear()
    assert drawn(tmp_path) == whole
    assert "going on: 25 of 50 samples" in capsys.readouterr().out
    assert sum(count for _, count in written) == COUNT // 2


def test_a_compiled_network_sees_batches_of_one_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the pictures are drawn by the other one."""
    made = asked()
    whole = drawn(tmp_path, made)
    sizes, plain = [], made.denoiser.with_labels(None)

    class Compiled(type(made.denoiser)):  # type: ignore[misc]
        def _answer(self, x_t: Any, t: Any) -> Any:
            sizes.append(len(x_t))
            return plain._answer(x_t, t)

    one = made.denoiser
    compiled = Compiled(one.net, one.process, one.prediction)
    made = Generator(made.request, one, compiled)
    assert drawn(tmp_path, made, size=20) == whole
    assert set(sizes) == {20}
    sizes.clear()
    assert drawn(tmp_path, made, size=99) == whole
    assert set(sizes) == {COUNT}, "no more than there are"


def test_a_solver_that_counts_says_how_much_it_took_though_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "sample")
    sampler = Adaptive(3, rtol=0.1, atol=0.1)
    made = asked(sampler=sampler, count=5)
    assert b'"evaluations": 0,' not in drawn(tmp_path, made)["samples.json"]
    again = asked(sampler=Adaptive(3, rtol=0.1, atol=0.1), count=5)
    assert b'"evaluations": 0,' not in drawn(tmp_path, again)["samples.json"]


def test_each_step_is_told_to_who_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch may take longer than a group may be without progress."""
    monkeypatch.setenv(distributed.STARTED, str(tmp_path))
    marks: list[str] = []

    def noted(self: Reporter, text: str, *, every: float = 0.0) -> None:
        marks.append(text)

    monkeypatch.setattr(Reporter, "mark", noted)
    drawn(tmp_path, asked(count=6), size=3)
    states = 3 + 1  # of three steps
    expected = ["drawing samples"] * (2 * (states + 1)) + ["its samples are drawn"]
    assert marks == expected + ["drawing paths"] * states


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_is_kept_is_told_to_who_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    """As soon as there is something; and at once by a command that goes on."""
    monkeypatch.setenv(distributed.STARTED, str(tmp_path))
    keeper, task = opened(asked(), tmp_path)
    task = replace(task, is_kept=is_kept)
    note = tmp_path / "0.kept"
    seen: list[bool] = []
    monkeypatch.setattr(Reporter, "mark", lambda *_, **__: seen.append(note.exists()))
    draw(asked(), task, Together(1), SIZE)  # type: ignore[arg-type]
    keeper.close()
    assert not seen[0]
    assert seen[-1] == is_kept
    if is_kept:
        assert note.read_text() == "the samples that are drawn"
        note.unlink()
        keeper, again = opened(asked(), tmp_path)
        assert again.is_kept
        seen.clear()
        draw(asked(), again, Together(1), SIZE)  # type: ignore[arg-type]
        keeper.close()
        assert seen[0]


def test_arrays_of_pictures_are_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the first process makes, while the others wait for it."""
    monkeypatch.setenv(distributed.STARTED, str(tmp_path))
    told: list[str] = []
    monkeypatch.setattr(
        Reporter, "progress", lambda self, text, every=0.0: told.append(text)
    )
    monkeypatch.setattr(Reporter, "mark", lambda *_, **__: told.append("mark"))
    drawn(tmp_path, asked(count=6), size=6)
    alone = [text for text in told if text != "mark"]
    assert set(alone) == {"paths and pictures of samples"}
    assert told.index(alone[0]) > told.index("mark")


def test_of_a_whole_path_each_batch_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its states come at its end."""
    marks: list[str] = []
    monkeypatch.setattr(Reporter, "mark", lambda self, text, every=0.0: marks.append(text))
    sampler = Adaptive(3, rtol=0.1, atol=0.1)
    drawn(tmp_path, asked(sampler=sampler, count=6), size=3)
    assert marks[:3] == ["drawing samples", "drawing samples", "its samples are drawn"]


def test_marks_come_no_faster_than_asked_and_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(distributed.STARTED, str(tmp_path))
    reporter = Reporter()
    for _ in range(5):
        reporter.mark("drawing", every=100.0)
    assert (tmp_path / "0.mark").read_text() == "1 drawing"
    reporter.mark("drawn")
    assert (tmp_path / "0.mark").read_text() == "6 drawn"
