"""What a later iteration would refuse, said before the first is trained.

The iterations after the first are other configurations than the one that was composed:
their pairs are those of a flow, and on the way back data and starts change places. So they
are checked as they will be: once as far as the configuration tells, and once more when the
data are prepared, which tell shapes, counts and the unit of length.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build, plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.start_points import FOLDER as START
from snowmelt.data.sources.source import Source
from snowmelt.pipeline import this_machine
from snowmelt.pipeline.compatibility import configuration_rules, flow_rules, shape_rules
from snowmelt.pipeline.compatibility.issues import raise_errors
from snowmelt.pipeline.config import schema
from snowmelt.pipeline.iterating.iteration_chain import Chain
from snowmelt.pipeline.iterating.iteration_tasks import label
from snowmelt.sampling.enough_starts import starts_suffice
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.drawn_pairs import FEWEST
from snowmelt.training.iterated_fitting import Iteration
from snowmelt.training.pairs import has_start


def check_composed(chain: Chain) -> None:
    """Refuse what the configuration tells of later iterations.

    Raises:
        UserError: naming the first iteration that cannot be done, the key and the reason.
    """
    for iteration in _later(chain):
        with _naming(chain, iteration):
            config = chain.foreseen(iteration)
            _check(config, chain, shape_rules.shape_of(config.data, chain.root))
    for iteration in _ways(chain, chain.plan[:-1]):
        with _naming(chain, iteration):
            section = plain(chain.foreseen(iteration).start).get("of")
            if section:
                split = build(section, Source, root=chain.root).row_split()
                _check_pairs(chain, split.train)


def check_prepared(chain: Chain) -> None:
    """Refuse what the prepared data tell of the iterations.

    Raises:
        UserError: see `check_composed`.
    """
    for iteration in _ways(chain, chain.plan):
        with _naming(chain, iteration):
            _check_starts(chain, iteration)
    for iteration in _later(chain):
        with _naming(chain, iteration):
            config = chain.config(iteration)
            _check(config, chain, _prepared(chain, config).shape)
    for iteration in chain.plan[:-1][-1:]:  # the largest seed that pairs are drawn by
        with _naming(chain, iteration):
            _check_values(chain.pairs_config(iteration))


def _later(chain: Chain) -> list[Iteration]:
    """Iterations after the first, one of each kind.

    They are the first back, the first from the weights of another, and the last, whose
    seeds are the largest.
    """
    later = chain.plan[1:]
    return [*later[:2], *later[2:][-1:]]


def _ways(chain: Chain, plan: list[Iteration]) -> list[Iteration]:
    """The first of these iterations in each direction."""
    return plan[: 2 if chain.settings.alternates else 1]


@contextlib.contextmanager
def _naming(chain: Chain, iteration: Iteration) -> Iterator[None]:
    """Say of which iteration a refusal is; the first is just what was typed."""
    try:
        yield
    except UserError as error:
        if iteration.number == 1:
            raise
        raise UserError(f"{label(chain, iteration)}: {error}") from error


def _check(config: DictConfig, chain: Chain, shape: tuple[int, ...] | None) -> None:
    """Refuse an iteration that cannot be composed, trained, sampled or measured.

    What is unwise about it is said by its own process.
    """
    _check_values(config)
    raise_errors(configuration_rules.issues(config, shape=shape))
    raise_errors(flow_rules.start_issues(config, shape, chain.root))
    if shape is not None:
        raise_errors(shape_rules.issues(plain(config), shape))
    this_machine.check_training(config, shape)


def _check_values(config: DictConfig) -> None:
    """Refuse a value that an iteration gets and no configuration may have."""
    values = plain(config)
    # Of the tracker, which is the same for all, there may be the name of a variable.
    schema.check({key: value for key, value in values.items() if key != "tracking"})


def _check_starts(chain: Chain, iteration: Iteration) -> None:
    """Refuse starts that are the data, or fewer than the samples or the pairs of a flow."""
    config = chain.config(iteration)
    is_last, data = iteration is chain.plan[-1], _prepared(chain, config)
    if not has_start(plain(config)):
        if not is_last:
            _check_pairs(chain, None, data.train_count)
        return
    starts = _prepared(chain, config, START)
    if data.digest == starts.digest:
        raise UserError(
            f"data, start: {data.name} and {starts.name} hold the same examples; choose a"
            " start of other ones"
        )
    if not build(config.sampler, Sampler).draws:
        starts_suffice(config.sample.num_samples, starts.held_out_count, "held_out")
    if not is_last:
        _check_pairs(chain, starts.train_count)


def _check_pairs(chain: Chain, starts: int | None, examples: int | None = None) -> None:
    """Refuse pairs that are more than the training starts, or too few to learn from.

    Args:
        starts: how many there are; None for noise, and where nobody knows it yet.
        examples: for each of which a pair is drawn, where the starts are noise.
    """
    wanted = chain.settings.pairs
    if wanted is not None and starts is not None and wanted > starts:
        raise UserError(
            f"iterate.pairs={wanted} is more than the {starts} training starts, of which"
            " each makes one pair: ask for fewer pairs, or give more starts"
        )
    drawn = wanted or starts or examples
    if drawn is not None and drawn < FEWEST:
        raise UserError(
            f"iterate: only {drawn} pairs can be drawn, and a flow learns from {FEWEST} at"
            " least: give more data and starts"
        )


def _prepared(chain: Chain, config: DictConfig, inside: str = "") -> Manifest:
    """The manifest of prepared data, or of what is inside its folder."""
    return PreparedData.open(chain.root / str(config.paths.prepared) / inside).manifest
