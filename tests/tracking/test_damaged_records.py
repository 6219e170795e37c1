"""Records and queues of which a disk lost or changed bytes end no command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snowmelt.tracking.run_records import Owner, RunRecord, RunRecords
from snowmelt.tracking.upload_queue import UploadQueue

WHOLE = RunRecord(key="a", store="here", name="a", owner=Owner("elsewhere", 1, 0.0))


def records(folder: Path) -> RunRecords:
    found = RunRecords(folder)
    found.write(WHOLE)
    return found


def test_a_record_cut_anywhere_is_no_record(tmp_path: Path) -> None:
    found = records(tmp_path)
    assert found.read("a") == WHOLE
    file = tmp_path / "a" / "record.json"
    content = file.read_bytes().rstrip()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        assert found.read("a") is None
        assert list(found.of_store("here")) == []


@pytest.mark.parametrize("other", ["3", "[]", "{}", "null", '{"owner": 3}', '"text"'])
def test_json_that_is_no_record(tmp_path: Path, other: str) -> None:
    found = records(tmp_path)
    (tmp_path / "a" / "record.json").write_text(other)
    assert found.read("a") is None


def test_a_record_with_a_flipped_bit_ends_nothing(tmp_path: Path) -> None:
    found = records(tmp_path)
    file = tmp_path / "a" / "record.json"
    content = file.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        file.write_bytes(flipped)
        assert found.read("a") is None or isinstance(found.read("a"), RunRecord)


def test_lines_that_are_no_operations_are_passed_over(tmp_path: Path) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append({"do": "open"})
    with queue.file.open("ab") as stream:
        stream.write(b'3\n[]\n{"step": 1}\n{"do":"met\n\xff\x00\n')
    queue.append({"do": "tags"})
    assert [operation["do"] for operation in queue.operations()] == [
        "open", *["nothing"] * 5, "tags"
    ]  # fmt: skip
    assert queue.logged() == set()


@pytest.mark.parametrize("mark", ["", "x", "-5", "999", "\x00"])
def test_a_mark_that_is_no_number_only_sends_twice(tmp_path: Path, mark: str) -> None:
    queue = UploadQueue(tmp_path / "outbox.jsonl")
    queue.append({"do": "open"})
    queue.mark_sent(1)
    (tmp_path / "outbox.sent").write_text(mark)
    batch, _ = queue.next_batch()
    assert batch == [{"do": "open"}]
    assert json.loads(queue.file.read_text()) == {"do": "open"}
