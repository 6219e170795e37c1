"""Runs whose process died on this host without closing them."""

from __future__ import annotations

from snowmelt.tracking.background_upload import now
from snowmelt.tracking.run_records import RunRecord, RunRecords


def mark_as_killed(run_records: RunRecords, store: str) -> None:
    """Mark all stale runs of a store as KILLED.

    Args:
        store: its address without a password.
    """
    with run_records.lock():
        run_records.remove_empty()
        for record in list(run_records.of_store(store)):
            if record.is_stale:
                _mark(run_records, record)


def _mark(run_records: RunRecords, record: RunRecord) -> None:
    queue = run_records.queue(record.key)
    queue.repair()
    if queue.last() is None and record.run_id is None:
        run_records.forget(record.key)  # it died before it logged anything
        return
    stages = stages_when_it_died(run_records, record)
    if stages == record.stages:
        running = [s for s, e in record.stages.items() if e["status"] == "running"]
        tags = {f"stage.{stage}": "killed" for stage in running}
        queue.append(
            {"do": "close", "held": [], "tags": tags, "status": "KILLED", "time": now()}
        )
        stages = stages | {s: stages[s] | {"status": "killed"} for s in running}
    run_records.update(record.key, stages=stages, owner=None)


def stages_when_it_died(
    run_records: RunRecords, record: RunRecord
) -> dict[str, dict[str, str]]:
    """The stages of a run; one whose process died after it was closed has ended."""
    last = run_records.queue(record.key).last() or {}
    stages = dict(record.stages)
    for stage, entry in stages.items():
        said = last.get("tags", {}).get(f"stage.{stage}")
        if last.get("do") == "close" and said and entry["status"] == "running":
            named = {k: last[k] for k in ("identity",) if k in last}
            stages[stage] = entry | {"status": said.split(":")[0]} | named
    return stages
