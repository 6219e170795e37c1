"""Records and the processes that own them."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

from snowmelt.common.drafts import PREFIX, draft_of
from snowmelt.tracking.run_records import Owner, RunRecord, RunRecords


def record(run_records: RunRecords, key: str, **fields: object) -> RunRecord:
    return run_records.write(replace(RunRecord(key=key, store="s", name="n"), **fields))  # type: ignore[arg-type]


def test_this_process_lives_and_is_not_in_its_own_way(tmp_path: Path) -> None:
    me = Owner.me()
    assert me.is_alive
    assert not record(RunRecords(tmp_path), "a", owner=me).is_busy
    assert record(RunRecords(tmp_path), "a", owner=Owner.of(os.getppid())).is_busy


def test_a_process_that_ended_is_dead_even_if_its_number_is_used_again() -> None:
    me = Owner.me()
    assert not replace(me, started=me.started - 60).is_alive
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    assert child.pid
    owner = Owner.of(child.pid)
    assert owner.is_alive
    child.kill()
    while owner.is_alive:  # a zombie counts as dead, although nobody waited for it yet
        time.sleep(0.01)
    child.join()
    assert not owner.is_alive


def test_a_process_of_another_host_may_live() -> None:
    assert Owner("elsewhere", 2**22 + 1, 0.0).is_alive


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    run_records = RunRecords(tmp_path)
    kept = record(
        run_records, "a", owner=Owner.me(), links={"training_run": "b"}, own=["sample"]
    )
    assert run_records.read("a") == kept
    assert run_records.read("missing") is None
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "record.json").write_text("{")
    assert [found.key for found in run_records.of_store("s")] == ["a"]


def test_records_are_newest_first_and_of_one_store(tmp_path: Path) -> None:
    run_records = RunRecords(tmp_path)
    keys = [run_records.new_key() for _ in range(3)]
    assert keys == sorted(keys)
    for key in keys:
        record(run_records, key)
    record(run_records, run_records.new_key(), store="another")
    assert [found.key for found in run_records.of_store("s")] == keys[::-1]


def test_only_a_running_stage_has_an_owner(tmp_path: Path) -> None:
    run_records = RunRecords(tmp_path)
    record(run_records, "a")
    run_records.set_stage("a", "train", "running", "model-a")
    running = run_records.read("a")
    assert running
    assert running.owner == Owner.me()
    assert not running.has_finished("train")
    run_records.set_stage("a", "train", "finished", "model-a")
    done = run_records.read("a")
    assert done
    assert (done.owner, done.made("train")) == (None, "model-a")
    assert done.has_finished("train")


def test_lines_are_dropped_only_when_they_are_whole_in_the_store(tmp_path: Path) -> None:
    run_records = RunRecords(tmp_path)
    record(run_records, "a")
    queue = run_records.queue("a")
    queue.append({"do": "open"})

    def is_kept_as(status: str) -> bool:
        run_records.set_stage("a", "train", status, None)
        run_records.drop_uploaded("a")
        return queue.file.exists()

    assert is_kept_as("finished")  # not sent
    queue.mark_sent(queue.file.stat().st_size)
    assert is_kept_as("killed")  # its steps are needed by the resumed training
    assert is_kept_as("running")
    assert not is_kept_as("finished")


def test_a_run_that_died_before_its_record_leaves_no_folder(tmp_path: Path) -> None:
    run_records = RunRecords(tmp_path)
    record(run_records, "kept")
    for key in ("draft", "queue"):
        (tmp_path / key / f"{PREFIX}a").mkdir(parents=True)
    (tmp_path / "queue" / "outbox.jsonl").write_text("{}\n")
    with draft_of(tmp_path / "living" / "record.json"):
        run_records.remove_empty()
        assert (tmp_path / "living").exists()
        assert not (tmp_path / "draft").exists()
    assert (tmp_path / "kept" / "record.json").exists()
    assert [path.name for path in (tmp_path / "queue").iterdir()] == ["outbox.jsonl"]
