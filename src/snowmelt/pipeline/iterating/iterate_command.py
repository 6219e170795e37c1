"""`snowmelt iterate`: flows that learn from the pairs of each other, one after another.

Each iteration is a pipeline in a process and a run of its own, below one run of all. What
is finished is found by what decided it, so the same command goes on after a kill, and one
of more iterations trains only those.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from snowmelt import tracking
from snowmelt.common import stopping
from snowmelt.common.errors import UserError, left_out_if_it_fails
from snowmelt.common.folder_lock import after_others_in
from snowmelt.common.instantiate import plain
from snowmelt.evaluation.iteration_table import IterationResult, iteration_table
from snowmelt.evaluation.number_format import duration, number
from snowmelt.pipeline import this_machine
from snowmelt.pipeline.compatibility import (
    iteration_rules,
)
from snowmelt.pipeline.iterating import iteration_results, later_iterations
from snowmelt.pipeline.iterating.iteration_chain import Chain
from snowmelt.pipeline.iterating.iteration_tasks import (
    IterationTask,
    direction_tasks,
    iteration_task,
    pairs_task,
    way,
)
from snowmelt.pipeline.sweep.tasks import Outcome, Task
from snowmelt.tracking import descriptions
from snowmelt.training.iterated_fitting import Iteration, iterated
from snowmelt.training.pairs import has_start
from snowmelt.viz.plots.iteration_plot import Ways
from snowmelt.viz.report import iteration_files

_SWEPT = ("data", "seed")  # what the tracker lists iterations by


def run(base: DictConfig, root: Path, typed: Sequence[str]) -> int:
    """Run every iteration that is not done, and say what came of all.

    Args:
        base: the configuration of the first iteration.
        typed: the overrides, as they were typed.

    Raises:
        UserError: the configuration is refused, or an iteration failed; those before it
            are told all the same.
    """
    iteration_rules.check(base, root)
    chain = Chain(base, root)
    this_machine.check_jobs([base], root)
    later_iterations.check_composed(chain)
    again = shlex.join(["snowmelt", "iterate", *typed])
    begun = base.start.of.name if has_start(base) else "noise"
    name = str(base.name or f"{begun} to {base.data.name}, iterated")
    with tracking.open_sweep(plain(base), root, name=name, swept=_SWEPT) as parent:
        loop = Loop(chain, parent, again)
        try:
            for iteration, result in iterated(chain.plan, loop.fit, loop.draw):
                loop.tell(iteration, result)
        finally:
            files = _written(chain, loop, again)
    print(f"\n{iteration_table(loop.results)}\n")
    for last in _last_of_each_way(loop.results):
        print(f"last model {last.way}: {last.folder}")
    print(f"iterate: {files[-1] if files else chain.place}")
    return 0


@dataclass
class Loop:
    """Runs the iterations of a chain, below one tracked run.

    Attributes:
        again: the command, as it was typed.
        results: of the iterations that have finished.
        ways: where each of these begins and ends.
    """

    chain: Chain
    parent: tracking.Run
    again: str
    results: list[IterationResult] = field(default_factory=list)
    ways: list[Ways] = field(default_factory=list)

    def fit(
        self, iteration: Iteration, pairs: Path | None, before: IterationResult | None
    ) -> IterationResult:
        """Run the pipeline of an iteration, after what its direction needs once."""
        for to_data in self._new_directions(iteration):
            for once in direction_tasks(self.chain, to_data=to_data):
                self._done(once)
        if iteration.number == 1:
            later_iterations.check_prepared(self.chain)
        task = iteration_task(self.chain, iteration, self._variables(iteration))
        outcome = self._done(task)
        config = self.chain.config(iteration)
        if outcome.was_done:
            self._take_over(task, config)
        result = iteration_results.result_of(iteration, task, config)
        self.results.append(result)
        with left_out_if_it_fails("the picture of an iteration"):
            self.ways.append(iteration_results.ways_of(result, self.chain.root, config))
        return result

    def draw(self, iteration: Iteration, result: IterationResult) -> Path:
        """Draw the pairs for the next iteration; returns their folder."""
        task = pairs_task(self.chain, iteration)
        self._done(task)
        return task.folder

    def tell(self, iteration: Iteration, result: IterationResult) -> None:
        """Say, and track, what an iteration came to."""
        costs = {"transport_cost": result.transport_cost, "path_energy": result.path_energy}
        numbers = dict(costs)
        said = [f"{key.replace('_', ' ')} {number(value)}" for key, value in costs.items()]
        if (found := result.reading) is not None:
            end = "to_data" if iteration.to_data else "to_start"
            numbers[f"{found.key}_{end}"] = found.value
            floor = f" (real data {found.floor_text})" if found.floor_text else ""
            said.insert(0, f"{found.label} {found.text}{floor}")
        self.parent.log_metrics(numbers, step=iteration.number)
        print(f"iteration {iteration.number}, {result.way}: {', '.join(said)}", flush=True)

    def _new_directions(self, iteration: Iteration) -> list[bool]:
        """The directions to prepare before an iteration: the unit of one needs both."""
        if iteration.number > 1:
            return []
        return [True, False] if self.chain.settings.alternates else [True]

    def _done(self, task: Task) -> Outcome:
        """Run a task unless it is done.

        Raises:
            UserError: it failed.
            Stopped: this process was asked to stop meanwhile.
        """
        if task.is_done:
            print(f"finished before: {task.label} ({task.folder})", flush=True)
            return Outcome(was_done=True)
        print(task.label, flush=True)
        outcome = task()
        stopping.check()
        if outcome.error:
            raise UserError(
                f"{task.label}: {outcome.error}; what was finished before is kept, and the"
                " same command goes on from there"
            )
        print(f"done: {task.label} ({duration(outcome.seconds)})", flush=True)
        return outcome

    def _variables(self, iteration: Iteration) -> dict[str, str]:
        """What the process of an iteration is told of its tracked run."""
        name = f"iteration {iteration.number}, {way(iteration.to_data)}"
        job = tracking.SweepJob(name, _SWEPT, self.again)
        return {**self.parent.child_environment, **job.environment}

    def _take_over(self, task: IterationTask, config: DictConfig) -> None:
        """Let the run of an iteration that was done before be one of these."""
        tracking.take_over(
            plain(config), task.root, metrics=task.metrics, sweep=self.parent
        )


def _written(chain: Chain, loop: Loop, again: str) -> list[Path]:
    """Write, and track, what came of the iterations that have finished."""
    if not loop.results:
        return []
    reports = chain.root / str(chain.base.paths.reports) / iteration_files.NAME
    with after_others_in(reports, "snowmelt iterate", print):
        files = iteration_files.write(loop.results, loop.ways, reports)
    for file in files:
        loop.parent.log_file(file, iteration_files.NAME)
    link = descriptions.artifact_link
    loop.parent.describe(iteration_files.description(loop.results, files, link, again))
    loop.parent.share_comparison()
    return files


def _last_of_each_way(results: Sequence[IterationResult]) -> list[IterationResult]:
    return [*{result.to_data: result for result in results}.values()]
