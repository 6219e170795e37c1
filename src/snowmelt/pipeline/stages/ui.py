"""ui: MLflow's UI, opened on the newest comparison."""

from __future__ import annotations

import contextlib
import os
import sys
import webbrowser
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.tracking import open_interface


def run(config: DictConfig, root: Path, port: int) -> int:
    """Print where the runs are shown, open it in a browser, and serve it until stopped.

    A store that is a server has a UI of its own: then only the addresses are told. Returns
    0.

    Raises:
        UserError: there is no store yet, it does not answer, or the port is taken.
    """
    interface = open_interface(plain(config), root, port)
    if not interface.is_served:
        print(f"starting MLflow's UI of {interface.location.shown} ...", flush=True)
    with interface.served() as server:
        for what, address in interface.addresses.items():
            print(f"{what}: {address}", flush=True)
        if has_browser():
            webbrowser.open(next(iter(interface.addresses.values())))
        if server is None:
            return 0
        print("Ctrl-C ends it", flush=True)
        with contextlib.suppress(stopping.Stopped):  # as it was meant to end
            server.wait()
            raise UserError(f"MLflow's server has ended; {interface.log} says why")
    return 0


def has_browser() -> bool:
    """Whether a browser would open a window of its own, and none in the terminal."""
    named = any(os.environ.get(v) for v in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
    return named or sys.platform in ("darwin", "win32")
