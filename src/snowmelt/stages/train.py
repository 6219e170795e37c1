"""train: prepared data in, a checkpoint out."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt import checkpoint, launch
from snowmelt.data.prepared import PreparedData
from snowmelt.files import new_directory, require_ours
from snowmelt.tracking import runs
from snowmelt.training.fit import describe, fit, write_history
from snowmelt.training.resume import Resume, training_identity

MARKER = "model.ckpt"


def run(config: DictConfig, root: Path) -> Path:
    """Train, or go on with a training that was cut short; returns the checkpoint.

    Raises:
        UserError: the data or the configuration does not serve.
    """
    target = root / config.paths.model
    require_ours(target, MARKER)
    data = PreparedData.open(root / config.paths.prepared)
    data.check_made_from(config.data)
    if launch.wants_group(config):
        launch.run_group("train", config, root)
        return target / MARKER
    identity = training_identity(config, data.manifest)
    state = runs.main_root(root) / ".snowmelt" / "resume" / identity[:16]
    resume = Resume(state, config.training.checkpoint_every)
    if resume.path.is_file() and launch.rank() == 0:
        print(f"train: going on from the saved state in {state}")
    with runs.training_run(config, root, identity=identity, state=state) as tracked:
        trained, history = fit(config, data, tracked, resume, identity)
        if launch.rank() == 0:
            with new_directory(target, MARKER) as draft:
                checkpoint.save(draft / MARKER, trained)
                write_history(draft / "losses.csv", history)
            tracked.checkpoint(target / MARKER, describe(trained))
            tracked.artifact(target / "losses.csv", "training")
    if launch.rank() == 0:
        resume.forget()
    return target / MARKER
