"""A file of lines that survives kills, torn lines and full disks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snowmelt.tracking.upload_queue import BATCH_VALUES, UploadQueue


def metrics(step: int, keys: int = 1) -> dict[str, Any]:
    return {"do": "metrics", "step": step, "values": {f"m{k}": 1.0 for k in range(keys)}}


def drain(queue: UploadQueue) -> list[list[dict[str, Any]]]:
    batches = []
    while True:
        batch, end = queue.next_batch()
        if not batch:
            return batches
        batches.append(batch)
        queue.mark_sent(end)


def test_lines_come_out_once_in_order_and_metrics_go_together(tmp_path: Path) -> None:
    queue = UploadQueue(tmp_path / "run" / "outbox.jsonl")
    lines = [{"do": "open"}, metrics(1), metrics(2), {"do": "tags"}, metrics(3)]
    queue.append(*lines[:2])
    queue.append(*lines[2:])
    assert not queue.is_empty
    assert drain(queue) == [[lines[0]], lines[1:3], [lines[3]], [lines[4]]]
    assert queue.is_empty
    assert UploadQueue(queue.file).is_empty
    queue.append(metrics(4))
    assert drain(UploadQueue(queue.file)) == [[metrics(4)]]


def test_a_batch_has_a_bounded_number_of_values(tmp_path: Path) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append(*(metrics(step, keys=3) for step in range(BATCH_VALUES)))
    sizes = [sum(len(line["values"]) for line in batch) for batch in drain(queue)]
    assert sum(sizes) == 3 * BATCH_VALUES
    assert max(sizes) <= BATCH_VALUES
    queue.append(metrics(1, keys=2 * BATCH_VALUES))
    assert len(drain(queue)) == 1


def test_a_torn_line_is_not_sent_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append(metrics(1))
    with queue.file.open("a") as stream:
        stream.write('{"do":"metrics","st')
    assert drain(queue) == [[metrics(1)]]
    queue.repair()
    queue.append(metrics(2))
    assert drain(queue) == [[metrics(2)]]


def test_an_unreadable_line_is_passed_over(tmp_path: Path) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append(metrics(1))
    with queue.file.open("ab") as stream:
        stream.write(b"\0\0\0\n")
    queue.append(metrics(2))
    assert drain(queue) == [[metrics(1)], [{"do": "nothing"}], [metrics(2)]]


def test_a_full_disk_loses_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append(metrics(1))

    def full(self: Path, mode: str, **options: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        queue.append(metrics(2))
    assert not queue.is_empty
    queue.append(metrics(3))
    assert drain(queue) == [[metrics(1), metrics(2), metrics(3)]]


def test_what_was_logged_is_known_whether_sent_or_not(tmp_path: Path) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append({"do": "open"}, metrics(1, keys=2), metrics(2))
    drain(queue)
    queue.append(metrics(3))
    assert queue.logged() == {("m0", 1), ("m1", 1), ("m0", 2), ("m0", 3)}
    assert queue.last() == metrics(3)


def test_a_rewound_queue_uploads_everything_again_and_a_cleared_one_nothing(
    tmp_path: Path,
) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append(metrics(1), {"do": "tags"})
    first = drain(queue)
    queue.rewind()
    assert drain(queue) == first
    queue.clear()
    assert queue.is_empty
    assert list(tmp_path.iterdir()) == []


def test_a_refused_line_is_kept_with_its_reason(tmp_path: Path) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.reject(metrics(1), "bad name")
    text = (tmp_path / "outbox.rejected").read_text()
    assert json.loads(text) == {"reason": "bad name", **metrics(1)}
