"""train: prepared data in, a checkpoint out."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from omegaconf import DictConfig

from snowmelt import tracking
from snowmelt.common import distributed
from snowmelt.common.files import new_directory, require_ours
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.pipeline.compatibility import training_rules
from snowmelt.pipeline.compatibility.issues import Finding
from snowmelt.tracking.location import main_root
from snowmelt.training import checkpoint
from snowmelt.training.fit import check, fit, write_history
from snowmelt.training.resume import Resume, training_identity
from snowmelt.viz.schedule_card.card_page import card, label_of
from snowmelt.viz.style import save_png

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
    is_starter = distributed.wants_group(config)
    training_rules.check(config)  # one that came by --config was composed elsewhere
    check(config, data)
    if is_starter:
        distributed.run_group("train", config, root)
        return target / MARKER
    identity = training_identity(config, data.manifest)
    state = main_root(root) / ".snowmelt" / "resume" / identity[:16]
    resume = Resume(state, config.training.checkpoint_every)
    if resume.path.is_file() and distributed.rank() == 0:
        print(f"train: going on from the saved state in {state}")
    with tracking.open_training(config, root, state=state, identity=identity) as tracked:
        _log_earlier(tracked, config, root)
        if distributed.rank() == 0:
            _log_card(tracked, config, root)
        trained, history = fit(config, data, tracked, resume, identity)
        if distributed.rank() == 0:
            with new_directory(target, MARKER) as draft:
                checkpoint.save(draft / MARKER, trained)
                write_history(draft / "losses.csv", history)
            tracked.log_checkpoint(target / MARKER, trained.step)
            tracked.log_file(target / "losses.csv", "training")
    if distributed.rank() == 0:
        resume.forget()
    return target / MARKER


def _log_earlier(tracked: tracking.Run, config: DictConfig, root: Path) -> None:
    """What the stages before this one made belongs to the same run."""
    tracked.log_prepared(root / config.paths.prepared)
    reference = root / config.paths.reference / "reference.json"
    if reference.is_file():
        tracked.log_file(reference, "reference")


def _log_card(tracked: tracking.Run, config: DictConfig, root: Path) -> None:
    """The schedule card, before anything is trained; doubts are told here too."""
    findings: list[Finding] = training_rules.findings(training_rules.built(config))
    for finding in findings:
        print(f"train: doubtful: {finding}", file=sys.stderr)
    if not config.tracking.enabled:
        return
    label = label_of(config, root)
    drawn = card({label: config}, {label: findings}, root)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "card.png"
        save_png(drawn.figure, file)
        tracked.log_file(file, "card")
    tracked.log_text("card/card.txt", f"{drawn.text()}\n")
