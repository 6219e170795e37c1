"""A small tracking server in a thread: as slow, deaf or choosy as a test wants it."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
CUT, CUT_AFTER = "cut", "cut after"


class FakeServer:
    """The runs and artifacts that a client sent.

    Attributes:
        delay: seconds before each answer.
        file_status: what an upload is answered with; 200 takes it.
        batch_limit: values in one batch, above which it is answered with 413.
        fault: what befalls every request: a status that a proxy answers with, CUT (the line
            goes dead unanswered) or CUT_AFTER (so it does, and the work is done).
        requests: the path of each, and its headers.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.file_status = 200
        self.batch_limit = 10**9
        self.fault: int | str = ""
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.experiments: dict[str, str] = {}
        self.experiment_tags: dict[str, str] = {}  # of all of them
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.uri = ""
        self.lock = threading.Lock()

    def answer(self, call: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the body of one call of the tracking API."""
        with self.lock:
            return getattr(self, "_" + re.sub(r"\W", "_", call))(given)

    # --- experiments ----------------------------------------------------------------------

    def add_experiment(self, name: str) -> str:
        number = str(len(self.experiments) + 1)
        self.experiments[number] = name
        return number

    def _experiments_get_by_name(self, given: dict[str, Any]) -> Any:
        for number, name in self.experiments.items():
            if name == given["experiment_name"]:
                return self._experiments_get({"experiment_id": number})
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no experiment"}

    def _experiments_get(self, given: dict[str, Any]) -> Any:
        number = given["experiment_id"]
        if number not in self.experiments:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}
        return 200, {
            "experiment": {
                "experiment_id": number,
                "name": self.experiments[number],
                "artifact_location": f"mlflow-artifacts:/{number}",
                "tags": [{"key": k, "value": v} for k, v in self.experiment_tags.items()],
                "lifecycle_stage": "active",
            }
        }

    def _experiments_create(self, given: dict[str, Any]) -> Any:
        return 200, {"experiment_id": self.add_experiment(given["name"])}

    def _experiments_set_experiment_tag(self, given: dict[str, Any]) -> Any:
        self.experiment_tags[given["key"]] = given["value"]
        return 200, {}

    # --- runs -----------------------------------------------------------------------------

    def add_run(self, experiment: str, **tags: str) -> str:
        number = uuid.uuid4().hex  # MLflow's client remembers places by it
        self.runs[number] = {
            "experiment": experiment,
            "status": "RUNNING",
            "tags": tags,
            "params": {},
            "metrics": [],
            "seen": set(),
            "inputs": 0,
        }
        return number

    def _run(self, number: str) -> dict[str, Any]:
        run = self.runs[number]
        pairs = [{"key": k, "value": v} for k, v in run["tags"].items()]
        params = [{"key": k, "value": v} for k, v in run["params"].items()]
        root = f"mlflow-artifacts:/{run['experiment']}/{number}/artifacts"
        info = {
            "run_id": number,
            "run_uuid": number,
            "run_name": "some",
            "experiment_id": run["experiment"],
            "status": run["status"],
            "start_time": 1,
            "artifact_uri": root,
            "lifecycle_stage": "active",
        }
        return {"info": info, "data": {"tags": pairs, "params": params, "metrics": []}}

    def _runs_create(self, given: dict[str, Any]) -> Any:
        tags = {tag["key"]: tag["value"] for tag in given["tags"]}
        return 200, {"run": self._run(self.add_run(given["experiment_id"], **tags))}

    def _runs_get(self, given: dict[str, Any]) -> Any:
        if given["run_id"] not in self.runs:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run"}
        return 200, {"run": self._run(given["run_id"])}

    def _runs_search(self, given: dict[str, Any]) -> Any:
        equal = re.findall(r"tags\.`([^`]*)` = '([^']*)'", given.get("filter", ""))
        there = re.findall(r"tags\.`([^`]*)` LIKE '%'", given.get("filter", ""))
        found = [
            self._run(number)
            for number, run in self.runs.items()
            if run["experiment"] in given["experiment_ids"]
            and all(run["tags"].get(tag) == value for tag, value in equal)
            and all(tag in run["tags"] for tag in there)
        ]
        return 200, {"runs": found}

    def _runs_update(self, given: dict[str, Any]) -> Any:
        self.runs[given["run_id"]]["status"] = given.get("status", "RUNNING")
        return 200, {"run_info": self._run(given["run_id"])["info"]}

    def _runs_log_batch(self, given: dict[str, Any]) -> Any:
        run = self.runs[given["run_id"]]
        if len(given.get("metrics", ())) > self.batch_limit:
            return 413, {}
        for kind in ("tags", "params"):
            for item in given.get(kind, ()):
                if (
                    kind == "params"
                    and run["params"].get(item["key"], item["value"]) != (item["value"])
                ):
                    message = f"param {item['key']} changes"
                    return 400, {
                        "error_code": "INVALID_PARAMETER_VALUE",
                        "message": message,
                    }
                run[kind][item["key"]] = item["value"]
        for metric in given.get("metrics", ()):
            if str(metric) not in run["seen"]:  # as a database does
                run["seen"].add(str(metric))
                run["metrics"].append((metric["key"], metric.get("step", 0)))
        return 200, {}

    def _runs_log_inputs(self, given: dict[str, Any]) -> Any:
        self.runs[given["run_id"]]["inputs"] += 1
        return 200, {}

    def _runs_set_tag(self, given: dict[str, Any]) -> Any:
        self.runs[given["run_id"]]["tags"][given["key"]] = given["value"]
        return 200, {}

    def _runs_outputs(self, given: dict[str, Any]) -> Any:
        return 200, {}

    # --- logged models --------------------------------------------------------------------

    def _logged_models(self, given: dict[str, Any]) -> Any:
        """One model, which is enough: made, found and finalised."""
        model = {
            "info": {
                "model_id": "m-1",
                "experiment_id": "1",
                "name": "some",
                "creation_timestamp_ms": 1,
                "last_updated_timestamp_ms": 1,
                "artifact_uri": "mlflow-artifacts:/m-1",
                "status": "LOGGED_MODEL_READY",
            },
            "data": {},
        }
        return 200, {"model": model}

    def _logged_models_search(self, given: dict[str, Any]) -> Any:
        return 200, {"models": []}

    def _logged_models_m_1(self, given: dict[str, Any]) -> Any:
        return self._logged_models(given)

    def _metrics_get_history(self, given: dict[str, Any]) -> Any:
        points = [
            {"key": key, "step": step, "value": 1.0, "timestamp": 1}
            for key, step in self.runs[given["run_id"]]["metrics"]
            if key == given["metric_key"]
        ]
        return 200, {"metrics": points}


class _Handler(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        fake: FakeServer = self.server.fake
        place = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fake.requests.append((place.path, dict(self.headers)))
        time.sleep(fake.delay)
        fault = fake.fault
        if fault == CUT:
            self._cut()
            return
        if isinstance(fault, int):
            self._say(fault, b"<html>as a proxy answers</html>")
            return
        if place.path.startswith(FILES):
            status, answer = self._file(fake, unquote(place.path), place.query, body)
        else:
            query = {k: v[0] for k, v in parse_qs(place.query).items()}
            given = query | (json.loads(body) if body else {})
            call = place.path.removeprefix(API)
            status, answer = fake.answer(call, given)
        # As a proxy refuses: without JSON.
        text = b"too large" if status == 413 else json.dumps(answer).encode()
        if fault == CUT_AFTER:
            self._cut()
        else:
            self._say(status, text)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _say(self, status: int, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _file(
        self, fake: FakeServer, path: str, query: str, body: bytes
    ) -> tuple[int, dict[str, Any]]:
        if self.command == "GET":
            folder = parse_qs(query).get("path", [""])[0]
            names = [n for n in fake.files if n.rpartition("/")[0] == folder]
            files = [{"path": n.rpartition("/")[2], "is_dir": False} for n in names]
            return 200, {"files": files}
        if fake.file_status == 200:
            fake.files[path.removeprefix(FILES).strip("/")] = body
        return fake.file_status, {}

    do_GET = do_POST = do_PUT = do_PATCH = _do

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[FakeServer]:
    """A fake server on a free port of this machine."""
    fake = FakeServer()
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.fake = fake
    fake.uri = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
