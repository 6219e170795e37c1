"""The environment of the peers, beside the project's own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"


def made(folder: Path) -> Path:
    """The Python of the environment in `folder`, which is made where it is not there yet.

    It sees the packages of the Python that runs this, torch above all.
    """
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == _wanted():
        return python
    print(f"bench: making {folder} with the peers of {REQUIREMENTS}", flush=True)
    venv.create(folder, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    (packages / "project.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    alone = ["--disable-pip-version-check", "--no-deps", "--requirement", str(REQUIREMENTS)]
    subprocess.run([*pip, *alone], check=True)
    stamp.write_text(_wanted(), encoding="utf-8")
    return python


def _wanted() -> str:
    return REQUIREMENTS.read_text(encoding="utf-8")
