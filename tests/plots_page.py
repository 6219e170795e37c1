"""The page that `dvc plots diff` writes of two trainings, with this project's settings."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml
from PIL import Image

from tests.pipeline.clone import dvc
from tests.project import ROOT, clean_environment

AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
HEADING = "step,loss,held_out_loss,learning_rate,gradient_norm\n"


def write_results(folder: Path, factor: float) -> None:
    """What dvc.yaml draws: losses, every other row with a held-out one, and samples."""
    rows = [
        f"{10 * n},{factor / n},{factor / n + 0.1 if n % 2 else ''},0.1,1.0"
        for n in range(1, 21)
    ]
    losses = folder / "outputs" / "model" / "losses.csv"
    losses.parent.mkdir(parents=True, exist_ok=True)
    losses.write_text(HEADING + "\n".join(rows) + "\n")
    picture = folder / "reports" / "figures" / "samples.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), int(100 * factor)).save(picture)


def plots_page(folder: Path) -> Path:
    """A page on the last commit and on what has changed since."""
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    for name in ("config", "page.html"):
        shutil.copy(ROOT / ".dvc" / name, folder / ".dvc")
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}))
    write_results(folder, 1.0)
    for command in (["init", "-q"], ["add", "-A"], [*AUTHOR, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env=clean_environment())
    write_results(folder, 2.0)
    dvc("plots", "diff", "-o", "plots", cwd=folder)
    return folder / "plots" / "index.html"
