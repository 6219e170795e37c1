"""compose: params.yaml and conf/ in, one resolved configuration out."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.files import new_file
from snowmelt.common.instantiate import plain
from snowmelt.common.made_folders import COMPOSED
from snowmelt.common.yaml_files import dump_yaml
from snowmelt.pipeline.config import watched_places

HEADER = f"{COMPOSED} from conf/ and params.yaml; edit those.\n"


def run(config: DictConfig, root: Path) -> Path:
    """Write the configuration; the other stages depend on the keys that they read.

    Raises:
        UserError: DVC runs the stage, and would not notice a change of what others read.
    """
    if watched_places.is_run_by_dvc():
        watched_places.check(config, root)
    target = root / config.paths.config
    text = dump_yaml(plain(config))
    with new_file(target) as draft:
        draft.write_text(HEADER + text, encoding="utf-8")
    return target
