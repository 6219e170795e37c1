"""`snowmelt ui` says where the runs are, and opens a browser where there is one."""

from __future__ import annotations

import contextlib
import webbrowser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.stages import ui

ADDRESSES = {"the newest comparison": "http://127.0.0.1/#/a", "all runs": "http://b"}


def ctrl_c() -> None:
    raise stopping.Stopped


@pytest.fixture
def interface(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A UI that is stopped at once, and what a browser opened of it."""
    for variable in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    made = SimpleNamespace(
        is_served=False,
        location=SimpleNamespace(shown="sqlite:///x"),
        addresses=ADDRESSES,
        log=Path("ui.log"),
        server=SimpleNamespace(wait=ctrl_c),
        opened=[],
        port=None,
    )
    made.served = lambda: contextlib.nullcontext(made.server)

    def opened(config: Any, root: Path, port: int) -> Any:
        made.port = port
        return made

    monkeypatch.setattr(ui, "open_interface", opened)
    monkeypatch.setattr(webbrowser, "open", made.opened.append)
    return made


def test_it_prints_every_address(
    workspace: Path, interface: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    assert main(["ui", "--port", "5077"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1:3] == [f"{what}: {where}" for what, where in ADDRESSES.items()]
    assert interface.port == 5077
    assert interface.opened == []


def test_a_browser_opens_the_first(
    interface: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    interface.server = None  # the store is a server
    assert ui.run({}, tmp_path, 5000) == 0
    assert interface.opened == ["http://127.0.0.1/#/a"]


def test_a_server_that_dies_is_told(interface: Any, tmp_path: Path) -> None:
    interface.server = SimpleNamespace(wait=lambda: 0)
    with pytest.raises(UserError, match=r"has ended; ui\.log says why"):
        ui.run({}, tmp_path, 5000)
