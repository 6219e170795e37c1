"""What each iteration is configured as, and where it works."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.project import ROOT, last_of_each

from snowmelt.common.instantiate import plain
from snowmelt.data.prepared import dataset
from snowmelt.pipeline.compatibility import configuration_rules
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.iterating.iteration_chain import SEEDS, Chain

Make = Callable[..., Chain]


@pytest.fixture
def chain_of(tmp_path: Path) -> Make:
    """A function that makes the iterations of a bridge between prepared points."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "params.yaml").write_text("seed: 5\n", encoding="utf-8")

    def make(*overrides: str) -> Chain:
        chosen = ("experiment=moons_to_eight", "iteration=dsbm", "iterate.count=4")
        config = composition.compose(tmp_path, last_of_each((*chosen, *overrides)))
        chain = Chain(config, tmp_path)
        drawn = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
        widths = {True: 1.0, False: 3.0} if chain.settings.alternates else {True: 1.0}
        for to_data, width in widths.items():
            folder = tmp_path / str(chain.direction(to_data=to_data).paths.prepared)
            for place, scale in ((folder, width), (folder / "start", 4.0 - width)):
                dataset.write(place, examples=scale * drawn, name="points")
        return chain

    return make


def test_the_first_is_the_flow_that_was_asked_for(chain_of: Make) -> None:
    chain = chain_of("coupling=optimal_transport")
    config = chain.config(chain.plan[0])
    for key in ("data", "start", "coupling", "interpolant", "training", "seed", "net"):
        assert plain(config[key]) == plain(chain.base[key]), key


def test_the_way_back_exchanges_data_and_starts_and_keeps_the_noise(
    chain_of: Make,
) -> None:
    chain = chain_of("interpolant.std=0.9")
    there, back = (plain(chain.config(turn)) for turn in chain.plan[:2])
    assert back["data"] == there["start"]["of"]
    assert back["start"]["of"] == there["data"]
    # One motion in two units: points that are three times as wide make a third of it.
    assert there["interpolant"]["std"] == 0.9
    assert back["interpolant"]["std"] == pytest.approx(0.3, rel=1e-5)


def test_each_learns_from_the_pairs_of_the_last_and_starts_from_its_own_kind(
    chain_of: Make,
) -> None:
    chain = chain_of("training.start_from=before.ckpt", "iterate.steps=77")
    configs = [chain.config(turn) for turn in chain.plan]
    places = [str(config.paths.root) for config in configs]
    assert [Path(place).name for place in places] == ["01", "02", "03", "04"]
    assert configs[0].training.start_from == "before.ckpt", "as it was typed"
    assert configs[1].training.start_from is None, "of the other way there is none"
    for turn, config in enumerate(configs[1:], start=1):
        assert config.coupling._target_ == "snowmelt.couplings.Paired"
        assert config.coupling.samples == f"{places[turn - 1]}/pairs"
        drawn = chain.pairs_config(chain.plan[turn - 1])
        assert drawn.paths.samples == config.coupling.samples
    for turn in (2, 3):
        before = configs[turn - 2].paths.model
        assert configs[turn].training.start_from == f"{before}/model.ckpt"
    assert [config.training.steps for config in configs] == [4000, 4000, 77, 77]


def test_pairs_are_of_every_training_start_and_of_other_noise(chain_of: Make) -> None:
    chain = chain_of()
    drawn = [chain.pairs_config(turn) for turn in chain.plan[:2]]
    assert [config.sample.num_samples for config in drawn] == [40, 40]
    assert {config.sample.starts for config in drawn} == {"training"}
    assert [config.sample.seed for config in drawn] == [5 + SEEDS, 5 + 2 * SEEDS]
    assert not drawn[0].tracking.enabled
    held_out = chain.config(chain.plan[0])
    assert held_out.sample.starts == "held_out"
    assert held_out.sample.seed == 5
    seeds = [chain.config(turn).seed for turn in chain.plan]
    assert seeds == [5, 5 + SEEDS, 5 + 2 * SEEDS, 5 + 3 * SEEDS]
    back = chain.config(chain.plan[1])
    assert (held_out.sample.num_samples, back.sample.num_samples) == (8000, 10)
    few = chain_of("iterate.pairs=30")
    assert few.pairs_config(few.plan[0]).sample.num_samples == 30


def test_reflow_from_noise_draws_a_pair_for_each_example(chain_of: Make) -> None:
    noise = ("experiment=points", "data=two_moons", "start=normal")
    chain = chain_of("iteration=reflow", *noise)
    first, second = chain.plan[:2]
    drawn = chain.pairs_config(first)
    assert drawn.sample.num_samples == 40
    assert drawn.sample.starts == "held_out", "of noise there is no training part"
    assert drawn.sample.seed != chain.config(first).sample.seed
    config = chain.config(second)
    assert config.coupling.samples == drawn.paths.samples
    configuration_rules.check(config, (2,))


def test_data_and_reference_are_made_once_a_direction(chain_of: Make) -> None:
    chain = chain_of()
    for key in ("prepared", "reference"):
        places = [str(chain.config(turn).paths[key]) for turn in chain.plan]
        assert places[0] == places[2] != places[1] == places[3]
    models = {str(chain.config(turn).paths.model) for turn in chain.plan}
    assert len(models) == 4


def test_more_iterations_lie_with_the_earlier_and_other_settings_apart(
    chain_of: Make,
) -> None:
    chain = chain_of()
    assert chain_of("iterate.count=9", "iterate.reports=false").place == chain.place
    assert chain_of("tracking=none").place == chain.place
    others = (
        "seed=6",
        "coupling=optimal_transport",
        "iterate.steps=9",
        "interpolant.std=2",
    )
    places = {chain.place, *(chain_of(other).place for other in others)}
    assert len(places) == 1 + len(others)
    assert chain_of("paths.root=runs/one").place.parts[:2] == ("runs", "one")
