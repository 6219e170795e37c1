"""A training that cannot be is refused before it starts."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.losses import Hybrid
from snowmelt.pipeline.config.composition import compose
from snowmelt.training.fit import TrainingData, _parts, check
from snowmelt.training.lightning_trainer import check_trainer
from snowmelt.training.settings import FitSettings

ROOT = Path(__file__).parents[2]


def composed(*overrides: str) -> FitSettings:
    points = ("data=two_moons", "net=mlp", "features=coordinates", "threshold=none")
    whole = compose(ROOT, [*points, "training.batch_size=4", *overrides])
    return FitSettings.of(plain(whole))


@pytest.fixture
def data(manifest: Manifest, examples: np.ndarray, labels: np.ndarray) -> Any:
    labelled = replace(manifest, classes=("a", "b", "c"))
    return SimpleNamespace(
        manifest=labelled,
        shape=(2,),
        train=examples,
        train_labels=labels,
        held_out=examples,
    )


@pytest.mark.parametrize("share", ["-0.1", "1.5"])
def test_a_share_of_labels_that_is_none_is_refused(data: Any, share: str) -> None:
    named = rf"denoiser\.p_uncond must be a number in \[0, 1\], got {share}"
    with pytest.raises(UserError, match=named):
        check(composed(f"denoiser.p_uncond={share}"), data)
    check(composed("denoiser.p_uncond=1.0"), data)


def test_classes_that_the_data_has_not_are_refused(data: Any, manifest: Manifest) -> None:
    config = composed("denoiser.conditional=true")
    check(config, data)
    data.manifest = manifest
    with pytest.raises(UserError, match="needs the classes of the data"):
        check(config, data)


@pytest.mark.parametrize("is_conditional", [False, True])
def test_the_batches_have_classes_where_the_network_is_conditional(
    data: Any, is_conditional: bool
) -> None:
    module = TrainingData(
        data, composed(f"denoiser.conditional={str(is_conditional).lower()}")
    )
    place = {"global_step": 0, "global_rank": 0, "world_size": 1}
    module.trainer = SimpleNamespace(**place)  # type: ignore[assignment]
    batch = next(iter(module.train_dataloader()))
    assert (batch.labels is not None) == is_conditional


def test_the_loss_knows_the_levels_of_the_data(data: Any) -> None:
    config = composed("loss=hybrid", "denoiser.learned_variance=true")
    data.manifest = replace(data.manifest, value_range=(0, 16))
    _, loss, _ = _parts(config, data)
    assert isinstance(loss, Hybrid)
    assert loss.levels == 17


def test_several_processes_save_at_any_step(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    uneven = ("training.log_every=50", "training.checkpoint_every=75")
    check(composed(*uneven, "trainer=ddp"), data)


def test_lightning_is_silent_about_what_is_chosen_on_purpose(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever builds the first trainer; it spoke of an accelerator and of a product."""
    lightning = logging.getLogger("pytorch_lightning")
    monkeypatch.setattr(lightning, "propagate", True)
    lightning.setLevel(logging.INFO)
    check_trainer(composed("experiment=points"))
    assert not caplog.records
