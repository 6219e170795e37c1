"""Records and the processes that own them."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

from snowmelt.tracking.run_records import Ledger, Owner, Record


def record(ledger: Ledger, key: str, **fields: object) -> Record:
    return ledger.write(replace(Record(key=key, store="s", name="n"), **fields))  # type: ignore[arg-type]


def test_this_process_lives_and_is_not_in_its_own_way(tmp_path: Path) -> None:
    me = Owner.me()
    assert me.is_alive
    assert not record(Ledger(tmp_path), "a", owner=me).is_busy
    assert record(Ledger(tmp_path), "a", owner=Owner.of(os.getppid())).is_busy


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
    ledger = Ledger(tmp_path)
    kept = record(
        ledger, "a", owner=Owner.me(), links={"training_run": "b"}, own=["sample"]
    )
    assert ledger.read("a") == kept
    assert ledger.read("missing") is None
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "record.json").write_text("{")
    assert [found.key for found in ledger.records("s")] == ["a"]


def test_records_are_newest_first_and_of_one_store(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    keys = [ledger.new_key() for _ in range(3)]
    assert keys == sorted(keys)
    for key in keys:
        record(ledger, key)
    record(ledger, ledger.new_key(), store="another")
    assert [found.key for found in ledger.records("s")] == keys[::-1]


def test_only_a_running_stage_has_an_owner(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    record(ledger, "a")
    ledger.set_stage("a", "train", "running", "model-a")
    running = ledger.read("a")
    assert running
    assert running.owner == Owner.me()
    assert not running.has_finished("train")
    ledger.set_stage("a", "train", "finished", "model-a")
    done = ledger.read("a")
    assert done
    assert (done.owner, done.made("train")) == (None, "model-a")
    assert done.has_finished("train")


def test_lines_are_dropped_only_when_they_are_whole_in_the_store(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    record(ledger, "a")
    outbox = ledger.outbox("a")
    outbox.append({"do": "open"})

    def is_kept_as(status: str) -> bool:
        ledger.set_stage("a", "train", status, None)
        ledger.tidy("a")
        return outbox.file.exists()

    assert is_kept_as("finished")  # not sent
    outbox.mark_sent(outbox.file.stat().st_size)
    assert is_kept_as("killed")  # its steps are needed by the resumed training
    assert is_kept_as("running")
    assert not is_kept_as("finished")
