"""The best model of a comparison, for the registry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from snowmelt.common.files import sha256
from snowmelt.tracking.background_upload import now
from snowmelt.tracking.operations import cut, word
from snowmelt.tracking.run_records import RunRecords
from snowmelt.tracking.store_models import COMPARED

BEST = "best"  # the alias of the best model of the newest comparison


def queue_registration(
    records: RunRecords,
    store: str,
    evaluation: Path,
    name: str,
    tags: Mapping[str, str],
    text: str,
) -> None:
    """Let the run that was evaluated register its model.

    By way of its own queue it comes after all that the run may still have to send.

    Args:
        store: the address, without a password, of the store that the run is in.
        evaluation: its metrics.json.
        name, tags, text: of the registered model, and of its version.
    """
    made = sha256(evaluation)
    tags = {**tags, COMPARED: str(now())}
    operation = {
        "do": "register",
        "name": word(name),
        "alias": BEST,
        "tags": {key: cut(value) for key, value in tags.items()},
        "text": cut(text),
    }
    with records.lock():
        found = (r for r in records.of_store(store) if r.made("evaluate") == made)
        if (record := next(found, None)) is not None:
            records.queue(record.key).append(operation)
