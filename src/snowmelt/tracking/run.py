"""What a stage may log, and the run that logs none of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image


class Run:
    """A run whose methods do nothing; use it as a context manager.

    It stands in for tracking=none and for the processes of a distributed run other than the
    first. Every method returns at once, here and in the runs that do reach a store.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    @property
    def run_id(self) -> str | None:
        """MLflow's id, once the store has made the run."""
        return None

    @property
    def child_environment(self) -> Mapping[str, str]:
        """What makes the runs of another process children of this one."""
        return {}

    def flush(self) -> bool:
        """Upload now instead of soon; False if the store does not answer."""
        return True

    def log_metrics(
        self, values: Mapping[str, float], step: int = 0, of_model: bool = False
    ) -> None:
        """Numbers at a step. A (name, step) that this training logged before is skipped.

        Args:
            of_model: link them to the logged model that the run trained or follows.
        """

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Words about the run, like its device."""

    def log_params(self, params: Mapping[str, Any]) -> None:
        """A nested dictionary of settings, beside those of the configuration."""

    def log_file(self, path: Path, folder: str = "") -> None:
        """A file as it is now; it may change or vanish afterwards."""

    def log_text(self, name: str, text: str) -> None:
        """`text` as the artifact `name`, like `notes/failed.txt`."""

    def log_picture(self, name: str, picture: Image.Image | Path, step: int = 0) -> None:
        """A picture at a step; the UI shows those of a name and step side by side."""

    def describe(self, text: str, experiment: str | None = None) -> None:
        """What a person reads of the run, and of its experiment, in Markdown.

        `{run}` and `{experiment}` stand for their ids, as in an address.
        """

    def newest(self, name: str) -> float | None:
        """The last value of a metric that this training logged, now or before."""
        return None

    def share_comparison(self) -> None:
        """A view of the experiment in which the UI shows the jobs of this sweep."""

    def register_best(
        self, evaluation: Path, name: str, tags: Mapping[str, str], text: str
    ) -> None:
        """The model that was evaluated best, in the registry under the alias "best".

        Args:
            evaluation: its metrics.json, by which its run is found.
            name: of the registered model.
            tags: how it was measured, and what came of it.
            text: what a person reads of it, in Markdown.
        """

    def log_prepared(self, folder: Path) -> None:
        """The prepared data in `folder`: manifest, preview, digest, MLflow's input."""

    def log_checkpoint(self, path: Path, step: int) -> None:
        """The trained checkpoint: as an artifact, and as MLflow's logged model."""

    def log_evaluation(self, path: Path) -> None:
        """metrics.json: numbers of the model, their protocol, the key of its report."""
