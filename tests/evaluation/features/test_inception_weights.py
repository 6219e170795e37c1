"""Where the weights come from: a path, two folders, or one download."""

from __future__ import annotations

import hashlib
import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features import inception_weights
from snowmelt.evaluation.features.inception_weights import DOWNLOADS, FILE, STANDARD, read

CONTENT = b"weights" * 100_000


@pytest.fixture(autouse=True)
def _standard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CONTENT is what the standard file holds; the hub's cache is empty; no network."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setattr(inception_weights, "STANDARD", digest[:8])
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def offline(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "urlopen", offline)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A server on this machine; what it says of its answer can be changed."""
    answer: dict[str, Any] = {"content": CONTENT, "length": None, "asked": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer["asked"] += 1
            self.send_response(200)
            self.send_header(
                "Content-Length", str(answer["length"] or len(answer["content"]))
            )
            self.end_headers()
            self.wfile.write(answer["content"])

        def log_message(self, *_: Any) -> None:
            return None

    monkeypatch.undo()
    monkeypatch.setattr(
        inception_weights, "STANDARD", hashlib.sha256(CONTENT).hexdigest()[:8]
    )
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "nowhere")
    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{httpd.server_port}/{FILE}"
    monkeypatch.setattr(inception_weights, "URL_INCEPTION_V3", address)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield answer
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def put(path: Path, content: bytes = CONTENT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_the_release_names_its_digest() -> None:
    assert STANDARD == "6726825d"


@pytest.mark.parametrize("is_relative", [True, False])
def test_a_named_file(tmp_path: Path, is_relative: bool) -> None:
    put(tmp_path / "mine.pth", b"any content")
    name = "mine.pth" if is_relative else str(tmp_path / "mine.pth")
    assert read(name, tmp_path) == b"any content"
    with pytest.raises(UserError, match=r"features\.weights: .*gone\.pth"):
        read("gone.pth", tmp_path)


@pytest.mark.parametrize("folder", [DOWNLOADS, Path("hub/checkpoints")])
def test_a_file_that_is_there(tmp_path: Path, folder: Path) -> None:
    put(tmp_path / folder / FILE)
    assert read(None, tmp_path) == CONTENT
    put(tmp_path / folder / FILE, CONTENT[:-1])
    with pytest.raises(UserError, match=rf"{FILE} is not the standard file.*delete it"):
        read(None, tmp_path)


def test_offline_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(None, tmp_path)
    message = str(caught.value)
    for part in (
        FILE,
        str(tmp_path / DOWNLOADS),
        "no network",
        "features.weights=PATH",
        "features=classifier",
        "features=random_conv",
    ):
        assert part in message
    assert "\n" not in message
    assert not (tmp_path / DOWNLOADS / FILE).exists()


def test_fetched_once(tmp_path: Path, server: dict[str, Any]) -> None:
    assert read(None, tmp_path) == read(None, tmp_path) == CONTENT
    assert server["asked"] == 1
    assert [path.name for path in (tmp_path / DOWNLOADS).iterdir()] == [FILE]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"content": b"<html>sign in</html>"}, "cannot be fetched.*hash"),
        ({"content": CONTENT[:-10], "length": len(CONTENT)}, "cannot be fetched.*hash"),
    ],
)
def test_a_bad_answer_leaves_nothing(
    tmp_path: Path, server: dict[str, Any], changes: dict[str, Any], wrong: str
) -> None:
    server.update(changes)
    with pytest.raises(UserError, match=wrong) as caught:
        read(None, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / DOWNLOADS).exists()
