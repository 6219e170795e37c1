"""Views of an experiment: which runs MLflow's UI lists, in which order, columns and charts.

A view is a tag of the experiment, `mlflow.sharedViewState.<key>`, that holds the state of
the page as JSON; an address that ends in `viewStateShareKey=<key>` opens it. The order by a
metric lists the runs of a sweep flat, and only then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from snowmelt.tracking.view_charts import charts, sections, shared_steps

# Without it the UI takes an experiment for one of language models, and shows their traces.
KIND = {"mlflow.experimentKind": "custom_model_development"}
SWEPT = "swept"  # the tag of a sweep's run: what it varies
MAIN = "main_metric"  # the tag of an evaluated run: what ranks it
BETTER = "main_metric_better"
PARENT = "mlflow.parentRunId"
_DISTANCE = "frechet_distance"
_PARTS = ("data", "schedule", "prediction", "sampler", "seed")
# Metrics beside the main one and its interval, where some run has them.
_OTHERS = (
    "bound_bits_per_dim",
    "ode_bits_per_dim",
    "train/examples_per_second",
    "train/minutes",
)
_WIDTH, _NARROW = 150, 90


@dataclass(frozen=True)
class View:
    """Some runs of an experiment, best first.

    Attributes:
        key: its name in the address.
        swept: parameters that the runs differ in, which are columns and axes.
        metric: what ranks the runs.
        is_higher_better: of that metric.
        others: more metrics to show.
        parent: the id of the run whose children are shown; None for all runs.
        steps: where the slider of pictures begins, by their key.
    """

    key: str
    swept: Sequence[str]
    metric: str = _DISTANCE
    is_higher_better: bool = False
    others: Sequence[str] = _OTHERS
    parent: str | None = None
    steps: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of_sweep(cls, parent: Any, children: Iterable[Any]) -> View:
        """That of a sweep's comparison.

        Args:
            parent, children: runs, as MLflow's client gives them.
        """
        told = [key for key in parent.data.tags.get(SWEPT, "").split(",") if key]
        key = f"sweep-{parent.data.tags.get('snowmelt_key', parent.info.run_id)}"
        swept = tuple(told) or ("schedule", "seed")
        return cls._of(key, swept, list(children), parent.info.run_id)

    @classmethod
    def of_all(cls, runs: Iterable[Any]) -> View:
        """That of all runs of an experiment."""
        return cls._of("runs", _PARTS, list(runs))

    @classmethod
    def _of(
        cls, key: str, swept: Sequence[str], runs: Sequence[Any], parent: str | None = None
    ) -> View:
        """The newest run that was evaluated says by what the runs are ranked."""
        told: Mapping[str, str] = next(
            (run.data.tags for run in runs if MAIN in run.data.tags), {}
        )
        measured = {metric for run in runs for metric in run.data.metrics}
        return cls(
            key,
            swept,
            metric=told.get(MAIN, _DISTANCE),
            is_higher_better=told.get(BETTER, "").startswith("higher"),
            others=[metric for metric in _OTHERS if metric in measured] or _OTHERS,
            parent=parent,
            steps=shared_steps(run.data.tags for run in runs),
        )

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of the experiment that hold it."""
        state = json.dumps(self.state, separators=(",", ":"))
        return {
            f"mlflow.sharedViewState.{self.key}": state,
            "mlflow.experiment.primaryMetric.name": self.metric,
            "mlflow.experiment.primaryMetric.greaterIsBetter": str(self.is_higher_better),
        }

    @property
    def columns(self) -> list[str]:
        """What is swept, the metric with its interval and floor, and the rest."""
        ends = ("", "_low", "_high", "_floor")
        params = [f"params.`{key}`" for key in self.swept]
        metrics = [f"metrics.`{self.metric}{end}`" for end in ends]
        return params + metrics + [f"metrics.`{key}`" for key in self.others]

    @property
    def state(self) -> dict[str, Any]:
        """What the page reads."""
        chosen = "" if self.parent is None else f"tags.`{PARENT}` = '{self.parent}'"
        return {
            "searchFilter": chosen,
            "orderByKey": f"metrics.`{self.metric}`",
            "orderByAsc": not self.is_higher_better,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "modelVersionFilter": "All Runs",
            "datasetsFilter": [],
            "selectedColumns": self.columns,
            "columnOrder": self.columns,
            "columnWidths": {
                column: _NARROW if column.startswith("params") else _WIDTH
                for column in self.columns
            },
            "runsHiddenMode": "SHOW_ALL",
            "compareRunCharts": charts(self.metric, self.swept, self.steps),
            "compareRunSections": sections(),
            "isAccordionReordered": True,
            "hideEmptyCharts": True,
            "groupBy": None,
            "viewMaximized": False,
            "runListHidden": False,
        }

    def place(self, experiment: str, mode: str = "") -> str:
        """The address of the page below that of the server.

        Args:
            experiment: its id.
            mode: "CHART" opens the charts; the table is shown without one.
        """
        asked = {"workflowType": "machine_learning", "viewStateShareKey": self.key}
        asked |= {"compareRunsMode": mode} if mode else {}
        return f"/#/experiments/{experiment}/runs?{urlencode(asked)}"
