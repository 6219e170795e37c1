"""Looking for good values within intervals: a sweep whose jobs follow from one another.

Values like `interval(6,14)`, in Hydra's grammar, are proposed by Optuna: some at random,
the rest by what came of those before (the tree-structured Parzen estimator). Other keys
with several values are choices of the search, and those of `seed` are run for each
proposal, of which the mean counts. Proposals follow from the settings and the results
alone. So a search that was stopped proposes the same again, finds the jobs done, and goes
on.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep

from snowmelt.common.errors import UserError
from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import HIGHER
from snowmelt.evaluation.comparison import Job
from snowmelt.evaluation.comparison.compared_jobs import SEEDS
from snowmelt.evaluation.number_format import number
from snowmelt.pipeline.config import sweep_jobs
from snowmelt.pipeline.config.multirun_settings import MultirunSettings, SearchSettings
from snowmelt.pipeline.config.overrides import COMMAND_LINE, SourcedOverride
from snowmelt.pipeline.sweep.job_runs import JobRuns, ended
from snowmelt.pipeline.sweep.planned_jobs import PlannedJobs
from snowmelt.pipeline.sweep.tasks import Outcome

DIGITS = 4  # of a value within an interval, in full
Values = Mapping[str, str]


@dataclass(frozen=True)
class Interval:
    """Where a value is looked for.

    Attributes:
        is_log: whether its logarithm is what is drawn evenly.
        is_whole: whether it is a whole number.
    """

    low: float
    high: float
    is_log: bool
    is_whole: bool

    @classmethod
    def of(cls, text: str, found: IntervalSweep) -> Interval:
        """What an override asks for.

        Raises:
            UserError: the interval is empty, or has no logarithm.
        """
        low, high, is_log = found.start, found.end, "log" in found.tags
        if low is None or high is None or low >= high:
            raise UserError(f"'{text}': an interval goes from a smaller number to a larger")
        if is_log and low <= 0:
            raise UserError(f"'{text}': a logarithmic interval begins above 0")
        return cls(low, high, is_log, isinstance(low, int) and isinstance(high, int))

    def drawn(self, trial: Any, key: str) -> str:
        """A value that Optuna proposes, as it would be typed."""
        suggest = trial.suggest_int if self.is_whole else trial.suggest_float
        return self.typed(suggest(key, self.low, self.high, log=self.is_log))

    def typed(self, value: float) -> str:
        return str(round(value)) if self.is_whole else f"{value:.{DIGITS}g}"


@dataclass
class Search:
    """What is searched, and what came of it.

    Attributes:
        intervals: the keys with an interval.
        choices: other keys with several values, none of them a seed.
        rest: all other overrides, those of seeds among them.
        best: the values that came out best, and how.
    """

    root: Path
    intervals: Mapping[str, Interval]
    choices: Mapping[str, Sequence[str]]
    rest: Sequence[str]
    best: tuple[Values, float] | None = field(default=None, init=False)
    tried: int = field(default=0, init=False)

    @classmethod
    def of(cls, overrides: Sequence[str], root: Path) -> Search | None:
        """The search that overrides ask for; None where none has an interval.

        Raises:
            UserError: an override does not parse, or an interval is empty.
        """
        intervals: dict[str, Interval] = {}
        choices: dict[str, Sequence[str]] = {}
        rest = []
        for key, text in sweep_jobs.given(root, overrides).items():
            override = SourcedOverride(text, COMMAND_LINE).parse()
            if isinstance(swept := override.value(), IntervalSweep):
                intervals[key] = Interval.of(text, swept)
            elif override.is_sweep_override() and key not in SEEDS:
                choices[key] = sweep_jobs.values(root, text)
            else:
                rest.append(text)
        return cls(root, intervals, choices, rest) if intervals else None

    @property
    def keys(self) -> list[str]:
        """Those that its jobs differ in: what is searched, and the seeds of a proposal."""
        seeds = [
            key
            for key, text in sweep_jobs.given(self.root, self.rest).items()
            if SourcedOverride(text, COMMAND_LINE).parse().is_sweep_override()
        ]
        return [*self.intervals, *self.choices, *seeds]

    @property
    def example(self) -> dict[str, list[str]]:
        """The jobs of the values in the middle, by which mistakes are found at once."""
        middle = {
            key: one.typed((one.low + one.high) / 2) for key, one in self.intervals.items()
        }
        return self.jobs(middle | {key: some[0] for key, some in self.choices.items()})

    def jobs(self, values: Values) -> dict[str, list[str]]:
        """The jobs of a proposal: one, or one for each seed."""
        told = [f"{key}={value}" for key, value in values.items()]
        found = sweep_jobs.jobs(self.root, [*told, *self.rest])
        name = ", ".join(told)
        return {f"{name}, {label}" if label else name: job for label, job in found.items()}

    def run(
        self, runs: JobRuns, settings: MultirunSettings
    ) -> tuple[PlannedJobs, list[Outcome]]:
        """Propose, run and learn, until all trials are made.

        Returns:
            All jobs, and their outcomes.

        Raises:
            UserError: Optuna is not installed, or no proposal was possible.
        """
        study = _study(settings.search)
        at_once = settings.at_once if settings.launcher != "serial" else 1
        every: dict[str, list[str]] = {}
        outcomes: dict[str, Outcome] = {}
        for first in range(0, settings.search.trials, at_once):
            count = min(at_once, settings.search.trials - first)
            jobs, found = self._round([study.ask() for _ in range(count)], study, runs)
            every |= jobs
            outcomes |= found
        if not every:
            raise UserError("the search: no values of these intervals go together")
        return PlannedJobs.of(every, self.root), [outcomes[name] for name in every]

    def _round(
        self, trials: Sequence[Any], study: Any, runs: JobRuns
    ) -> tuple[dict[str, list[str]], dict[str, Outcome]]:
        """Run what some trials propose together; the jobs by name, and their outcomes."""
        proposed = [(trial, self._proposal(trial)) for trial in trials]
        jobs = [(trial, values, self._possible(values)) for trial, values in proposed]
        together = {name: job for _, _, some in jobs for name, job in some.items()}
        outcomes: dict[str, Outcome] = {}
        done: dict[str, Job] = {}
        if together:
            planned = PlannedJobs.of(together, self.root)
            found = runs.outcomes(planned)
            outcomes = dict(zip(together, found, strict=True))
            done = dict(zip(together, ended(planned, found), strict=True))
        for trial, values, some in jobs:
            self._learn(study, trial, values, [done[name] for name in some])
        return together, outcomes

    def _proposal(self, trial: Any) -> Values:
        drawn = {key: one.drawn(trial, key) for key, one in self.intervals.items()}
        return drawn | {
            key: str(trial.suggest_categorical(key, list(some)))
            for key, some in self.choices.items()
        }

    def _possible(self, values: Values) -> dict[str, list[str]]:
        """The jobs of a proposal, if its parts go together; why not is said."""
        jobs = self.jobs(values)
        try:
            PlannedJobs.of(jobs, self.root)
        except UserError as error:
            print(f"left out: {error}", flush=True)
            return {}
        return jobs

    def _learn(self, study: Any, trial: Any, values: Values, jobs: Sequence[Job]) -> None:
        from optuna.trial import TrialState

        found = _value(jobs)
        if found is None:
            study.tell(trial, state=TrialState.FAIL)
            return
        self.tried += 1
        study.tell(trial, found)
        if self.best is None or found < self.best[1]:
            self.best = values, found

    @property
    def said(self) -> str:
        """What came of it, in a few lines."""
        if self.best is None:
            return "search: no trial has finished\n"
        values, found = self.best
        told = " ".join(f"{key}={value}" for key, value in values.items())
        return (
            f"search: the best of {self.tried} is {told} ({number(abs(found))}).\n"
            "The best of many is flattered by chance: compare it with another setting over"
            f" seeds that the search has not seen, as by `snowmelt pipeline --multirun"
            f" {told} seed=10,11,12`\n"
        )


def _study(settings: SearchSettings) -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            "an interval asks for a search, which Optuna makes: `pip install optuna`"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=settings.first, seed=settings.seed, constant_liar=True
    )
    return optuna.create_study(direction="minimize", sampler=sampler)


def _value(jobs: Sequence[Job]) -> float | None:
    """The mean of what ranks the jobs, the smaller the better; None if one has failed."""
    if not jobs or any(job.has_failed for job in jobs):
        return None
    measured = [job.metrics or {} for job in jobs]
    metric = catalogue.ranking(set.intersection(*map(set, measured)))
    if metric is None:
        return None
    mean = statistics.fmean(float(one[metric.key]) for one in measured)
    return -mean if metric.better == HIGHER else mean
