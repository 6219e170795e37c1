"""A download is whole and verified, or leaves nothing."""

from __future__ import annotations

import hashlib
import socket
import threading
from pathlib import Path

import pytest

from snowmelt.common import download as module
from snowmelt.common.download import download

CONTENT = b"snow"


def test_a_file_comes_whole_and_its_folder_is_made(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(CONTENT)
    target = tmp_path / "folder" / "here"
    digest = hashlib.sha256(CONTENT).hexdigest()[:8]
    download((tmp_path / "there").as_uri(), target, digest)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["here"]


def test_another_digest_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(CONTENT)
    with pytest.raises(OSError, match="invalid hash"):
        download((tmp_path / "there").as_uri(), tmp_path / "folder" / "here", "00000000")
    assert not (tmp_path / "folder").exists()


def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/file"
        with pytest.raises(OSError, match="timed out"):
            download(address, tmp_path / "file")
    assert socket.getdefaulttimeout() is None


def test_an_answer_that_is_no_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"good morning\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/file"
        with pytest.raises(OSError, match=r"good morning|reset"):
            download(address, tmp_path / "file")
        thread.join()
    assert list(tmp_path.iterdir()) == []
