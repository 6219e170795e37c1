"""What a later iteration would refuse is refused before the first is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.pipeline.small_flow import moons
from tests.project import ROOT, last_of_each

from snowmelt.common.errors import UserError
from snowmelt.data.prepared import dataset
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.iterating import iterate_command, later_iterations
from snowmelt.pipeline.iterating.iteration_chain import Chain

FLOW = ("experiment=moons_to_eight", "iterate.count=3")
DSBM, REFLOW = (*FLOW, "iteration=dsbm"), (*FLOW, "iteration=reflow")
NOISE = ("experiment=points", "data=two_moons", "iterate.count=3", "iteration=reflow")
Prepare = Callable[..., Chain]


def chain_of(*overrides: str, root: Path = ROOT) -> Chain:
    config = composition.compose(ROOT, last_of_each(overrides), is_checked=False)
    return Chain(config, root)


@pytest.fixture
def prepared(tmp_path: Path) -> Prepare:
    """A function that makes a chain whose points are prepared: a fifth is held out."""

    def make(
        *overrides: str,
        rows: int = 50,
        starts: int = 50,
        scale: float = 2.0,
        held_out: float = 0.2,
    ) -> Chain:
        chain = chain_of(*overrides, root=tmp_path)
        drawn = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
        data, begun = drawn[:rows], scale * drawn[:starts]
        ways = (
            [(data, begun), (begun, data)] if chain.settings.alternates else [(data, begun)]
        )
        for to_data, halves in zip((True, False), ways, strict=False):
            folder = tmp_path / str(chain.direction(to_data=to_data).paths.prepared)
            for place, examples in zip((folder, folder / "start"), halves, strict=True):
                dataset.write(
                    place, examples=examples, name="points", held_out_fraction=held_out
                )
        return chain

    return make


@pytest.mark.parametrize("chosen", [DSBM, REFLOW, NOISE], ids=["dsbm", "reflow", "noise"])
def test_what_can_be_iterated_passes(chosen: tuple[str, ...], prepared: Prepare) -> None:
    later_iterations.check_composed(chain_of(*chosen))
    later_iterations.check_prepared(prepared(*chosen, "sample.num_samples=10"))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            (*NOISE, "likelihood=ode"),
            r"iteration 2 of 3, to the data: likelihood, .*use likelihood=none",
        ),
        (
            (*NOISE, "guidance=repaint"),
            r"iteration 2 of 3, to the data: guidance, .*use guidance=none",
        ),
        (
            (*NOISE, "loss=hybrid", "denoiser.learned_variance=true"),
            r"iteration 2 of 3, to the data: loss, .*use loss=simple",
        ),
        (
            (*DSBM, f"seed={2**63 - 1500}"),
            r"iteration 3 of 3, to the data: seed must be an integer",
        ),
        (
            (*REFLOW, "iterate.pairs=50000"),
            r"^iterate\.pairs=50000 is more than the 10000 training starts",
        ),
        (
            (*DSBM, "iterate.pairs=15000", moons(20000, 100), "data.count=12000"),
            r"iteration 2 of 3, to the starts: iterate\.pairs=15000 is more than the 12000",
        ),
    ],
)
def test_the_configuration_tells_of_later_ones(
    overrides: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        later_iterations.check_composed(chain_of(*overrides))
    assert "\n" not in str(caught.value)


def test_nothing_is_asked_of_iterations_that_are_not_wanted() -> None:
    one = "iterate.count=1"
    later_iterations.check_composed(chain_of(*NOISE, "likelihood=ode", one))
    later_iterations.check_composed(chain_of(*REFLOW, "iterate.pairs=50000", one))


def test_noise_has_no_end_of_pairs(prepared: Prepare) -> None:
    many = (*NOISE, "iterate.pairs=50000")
    later_iterations.check_composed(chain_of(*many))
    later_iterations.check_prepared(prepared(*many))


@pytest.mark.parametrize(
    ("overrides", "counts", "said"),
    [
        ((*REFLOW, "iterate.pairs=41"), {}, r"^iterate\.pairs=41 is more than the 40"),
        (
            (*DSBM, "iterate.pairs=60"),
            {"starts": 100},
            r"iteration 2 of 3, to the starts: iterate\.pairs=60 is more than the 40",
        ),
        ((*REFLOW, "sample.num_samples=11"), {}, "is more than the 10 held-out starts"),
        (DSBM, {"scale": 1.0}, "data, start: points and points hold the same examples"),
        (DSBM, {"rows": 5, "held_out": 0.4}, "2 of 3, to the starts: .* only 3 pairs can"),
        (
            (*DSBM, f"sample.seed={2**63 - 1500}"),
            {},
            "iteration 2 of 3, to the starts: sample.seed must be an integer",
        ),
    ],
)
def test_the_prepared_data_tell_of_the_pairs(
    prepared: Prepare, overrides: tuple[str, ...], counts: dict[str, float], said: str
) -> None:
    chain = prepared(*last_of_each(("sample.num_samples=10", *overrides)), **counts)
    with pytest.raises(UserError, match=said):
        later_iterations.check_prepared(chain)


def test_bridges_may_make_several_samples_of_a_start(prepared: Prepare) -> None:
    later_iterations.check_prepared(prepared(*DSBM, "sample.num_samples=500"))


def test_the_prepared_data_are_looked_at_before_the_first_training(
    prepared: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = prepared(*REFLOW, "iterate.pairs=41", "sample.num_samples=10")
    monkeypatch.setattr(iterate_command, "direction_tasks", lambda *_, **__: [])
    loop = iterate_command.Loop(chain, parent=None, again="")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"iterate\.pairs=41"):
        loop.fit(chain.plan[0], None, None)
