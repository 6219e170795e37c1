"""A run that reaches the store.

Every call appends to the run's upload queue and returns at once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from PIL import Image

from snowmelt.common.files import read_json, sha256
from snowmelt.tracking import operations, parameters
from snowmelt.tracking.background_upload import BackgroundUpload, now
from snowmelt.tracking.harmless import harmless
from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.operations import MAX_TAG
from snowmelt.tracking.registration import queue_registration
from snowmelt.tracking.run import Run
from snowmelt.tracking.run_records import RunRecord, RunRecords
from snowmelt.tracking.settings import TrackingSettings
from snowmelt.tracking.spool import Spool
from snowmelt.tracking.upload_queue import Operation
from snowmelt.tracking.waiting import print_message

# Their numbers go out as they come. Those of other stages are held back until the stage has
# finished, so that one that failed and is run again leaves no mixture.
STREAMING = ("train", "sweep")


class TrackedRun(Run):
    """A run in the store; made by `snowmelt.tracking.open_*`.

    Args:
        identity: what names the stage's result, where that is known beforehand.
        is_continued: an earlier process wrote to the run.
        is_again: the stage had finished in this run before.
        opening: operations to begin with.
    """

    def __init__(
        self,
        record: RunRecord,
        run_records: RunRecords,
        store: Store,
        settings: TrackingSettings,
        *,
        stage: str,
        identity: str | None,
        is_continued: bool,
        is_again: bool = False,
        opening: Sequence[Operation] = (),
    ) -> None:
        self.key = record.key
        self.stage = stage
        self._identity = identity
        self._name = record.name
        self._run_records, self._store = run_records, record.store
        self._queue = run_records.queue(record.key)
        self._spool = Spool(run_records, record.key)
        self._streams = stage in STREAMING
        self._held: list[Operation] = []
        self._again = {"again": True} if is_again else {}
        self._said: set[str] = set()
        self._logged = self._queue.logged() if self._streams and is_continued else set()
        self._old_handler: Any = None
        self._is_open = True
        self._queue.append({"do": "open", "stage": stage, "time": now()}, *opening)
        self._background = BackgroundUpload(
            run_records, store, record.key, settings, maybe_duplicate=is_continued
        )
        self._background.start()

    # --- life -----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        # A terminated process must close its run; an existing handler stays in place.
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._old_handler = signal.signal(signal.SIGTERM, _terminate)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._old_handler is not None:
            signal.signal(signal.SIGTERM, self._old_handler)
        if error is None:
            self._close("finished", "FINISHED")
        elif isinstance(error, Exception):
            line = (str(error).strip().splitlines() or [""])[0]
            self._close("failed", "FAILED", f"{type(error).__name__}: {line}")
        else:
            self._close("killed", "KILLED", type(error).__name__)

    def _close(self, outcome: str, status: str, reason: str = "") -> None:
        if not self._is_open:
            return
        self._is_open = self._spool.is_open = False
        held = self._held if outcome == "finished" else []
        text = f"{outcome}: {reason}" if reason else outcome
        tags = {f"stage.{self.stage}": parameters.shortened(text, MAX_TAG)}
        # One operation, so that a stage has either logged all or has not finished.
        named = {"identity": self._identity} if self._identity else {}
        self._queue.append(
            {"do": "close", "held": held, "tags": tags, "status": status, "time": now()}
            | named
            | self._again
        )
        if lost := self._queue.unwritten:
            self.say(f"{lost} operations could not be kept in {self._queue.file}")
        self._set_stage(outcome)
        self._background.finish()

    @harmless
    def _set_stage(self, outcome: str) -> None:
        self._run_records.set_stage(self.key, self.stage, outcome, self._identity)

    def say(self, message: str) -> None:
        """Tell the user, once."""
        if message not in self._said:
            self._said.add(message)
            print_message(f"tracking: {message}")

    @property
    def run_id(self) -> str | None:
        record = self._run_records.read(self.key)
        return record.run_id if record else None

    @property
    def child_environment(self) -> Mapping[str, str]:
        return {"SNOWMELT_PARENT_RUN": self.key}

    def flush(self) -> bool:
        return self._background.flush()

    # --- logging --------------------------------------------------------------------------

    def send(self, operation: Operation) -> None:
        """Queue an operation, or hold it back until the stage has finished."""
        if self._again and operation["do"] == "params":
            operation |= {"missing": True}
        if self._streams and self._is_open:
            self._queue.append(operation)
        elif self._is_open:
            self._held.append(operation)

    @harmless
    def log_metrics(
        self, values: Mapping[str, float], step: int = 0, of_model: bool = False
    ) -> None:
        numbers = {
            parameters.name(key): float(value)
            for key, value in values.items()
            if (parameters.name(key), step) not in self._logged
        }
        if numbers:
            self._logged.update((key, step) for key in numbers)
            model = {"model": True} if of_model else {}
            self.send(
                {"do": "metrics", "step": step, "time": now(), "values": numbers, **model}
            )

    @harmless
    def set_tags(self, tags: Mapping[str, object]) -> None:
        texts = {
            parameters.name(key): parameters.shortened(str(value), MAX_TAG)
            for key, value in tags.items()
        }
        self.send({"do": "tags", "tags": texts})

    @harmless
    def log_params(self, params: Mapping[str, Any]) -> None:
        self.send({"do": "params", "params": parameters.below(parameters.flat(params))})

    @harmless
    def log_file(self, path: Path, folder: str = "") -> None:
        self._spool.copy(path, path.name, folder=folder)

    @harmless
    def log_text(self, name: str, text: str) -> None:
        self._spool.text(name, text)

    @harmless
    def log_configuration(self, text: str) -> None:
        """config.yaml, unless the run has one."""
        self._spool.text("config.yaml", text, missing=True)

    @harmless
    def log_picture(self, name: str, picture: Image.Image | Path, step: int = 0) -> None:
        shown = {"do": "picture", "key": name, "step": step, "time": now()}
        if isinstance(picture, Path):
            self._spool.copy(picture, picture.name, **shown)
        else:
            self._spool.add("picture.png", picture.save, **shown)

    @harmless
    def describe(self, text: str, experiment: str | None = None) -> None:
        self.send(operations.note(text, experiment))

    def newest(self, name: str) -> float | None:
        with contextlib.suppress(OSError):
            return self._queue.newest(name)
        return None

    @harmless
    def share_comparison(self) -> None:
        self.send({"do": "view"})

    @harmless
    def register_best(
        self, evaluation: Path, name: str, tags: Mapping[str, str], text: str
    ) -> None:
        queue_registration(self._run_records, self._store, evaluation, name, tags, text)

    @harmless
    def log_prepared(self, folder: Path) -> None:
        manifest = read_json(folder / "manifest.json", made_by="prepare")
        digest = next(iter(manifest["digests"].values()))
        self.set_tags({"data": manifest["name"], "data_digest": digest})
        self.send(operations.dataset(manifest, digest))
        self.log_file(folder / "manifest.json", "data")

    @harmless
    def log_checkpoint(self, path: Path, step: int) -> None:
        self.log_file(path, "checkpoints")
        self.send(operations.model(self._name, path, step, str(self._identity)))

    @harmless
    def log_evaluation(self, path: Path) -> None:
        result = read_json(path, made_by="evaluate")
        numbers = {k: v for k, v in result.items() if type(v) in (int, float)}
        self.log_metrics(numbers, of_model=True)
        self.log_params({"protocol": result.get("protocol", {})})
        self.log_file(path, "evaluation")
        self._identity = sha256(path)
        self.set_tags({"evaluation_identity": self._identity})


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
