"""The known density of a configuration, and where what is made of it goes."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.part_names import name_of


def density_name(config: DictConfig, root: Path) -> str:
    """`double_gaussian`, or `double_gaussian_distance=2.4` where a value was changed."""
    return name_of(config.density, "density", root)


def results_folder(config: DictConfig, root: Path, command: str, out: Path | None) -> Path:
    """The folder that a command fills: `out`, else outputs/<command>/<density name>.

    Raises:
        UserError: `out` is a file.
    """
    if out is None:
        return root / config.paths.root / "outputs" / command / density_name(config, root)
    if out.exists() and not out.is_dir():
        raise UserError(f"out={out}: a file of that name is there; name a folder")
    return out
