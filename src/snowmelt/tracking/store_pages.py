"""The calls of MLflow's client for what its pages show, each of which may be repeated.

Descriptions, pictures that are compared at a slider, and views of an experiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from PIL import Image

from snowmelt.tracking.descriptions import EXPERIMENT, RUN
from snowmelt.tracking.location import Location
from snowmelt.tracking.store_connection import Connection
from snowmelt.tracking.store_errors import StoreRejection, why
from snowmelt.tracking.view_charts import PICTURED_AT
from snowmelt.tracking.views import KIND, View

NOTE = "mlflow.note.content"
_MODES = ("L", "RGB", "RGBA")  # that PNG and WebP take
OURS = "snowmelt_note"  # a digest of the description that was written here


class Pages(Connection):
    """What people read in the UI of one experiment in one store."""

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        Image.init()  # imports the formats, here and not in the thread of the deliveries

    def describe(self, run_id: str, text: str, experiment: str | None = None) -> None:
        """Describe a run, and its experiment; what a person wrote there stays.

        Args:
            text, experiment: Markdown, in which `{run}` and `{experiment}` stand for ids.
        """
        with self._client(run_id) as (client, _):
            run = client.get_run(run_id)
            number = run.info.experiment_id
            for tag, note in _notes(run.data.tags, text, run_id, number).items():
                client.set_tag(run_id, tag, note)
            if experiment is not None:
                tags = client.get_experiment(number).tags
                for tag, note in _notes(tags, experiment, run_id, number).items():
                    client.set_experiment_tag(number, tag, note)

    def log_picture(self, run_id: str, file: Path, key: str, step: int, time: int) -> None:
        """A picture that the UI compares with those of other runs with the same key.

        Raises:
            StoreRejection: the file is no picture.
        """
        try:
            with Image.open(file) as opened:
                is_plain = opened.mode in _MODES
                picture = opened.copy() if is_plain else opened.convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise StoreRejection(f"{file.name} is no picture: {why(error)}") from error
        with self._client(run_id) as (client, _):
            start = f"images/{key.replace('/', '~')}+step+{step}+"
            there = [item.path for item in client.list_artifacts(run_id, "images")]
            # The smaller copy comes last: with it the picture is whole.
            if not any(p.startswith(start) and p.endswith(".webp") for p in there):
                client.log_image(run_id, picture, key=key, step=step, timestamp=time)
            client.set_tag(run_id, f"{PICTURED_AT}{key}", str(step))

    def share(self, view: View, experiment: str | None = None) -> str:
        """Put a view among those of the experiment, whose id is returned.

        Args:
            experiment: its id; None for that of this connection.
        """
        with self._client() as (client, here):
            number = experiment or here
            tags = client.get_experiment(number).tags
            for tag, value in {**view.tags, **KIND}.items():
                if tags.get(tag) != value:
                    client.set_experiment_tag(number, tag, value)
        return number

    def share_view_of(self, run_id: str) -> None:
        """Put the view of a sweep's comparison among those of its experiment.

        Args:
            run_id: of the run that the sweep's jobs are children of.
        """
        with self._client(run_id) as (client, _):
            parent = client.get_run(run_id)
            children = client.search_runs(
                [parent.info.experiment_id],
                filter_string=f"tags.`mlflow.parentRunId` = '{run_id}'",
            )
        self.share(View.of_sweep(parent, children), parent.info.experiment_id)


def _notes(
    tags: Mapping[str, str], text: str, run_id: str, experiment: str
) -> dict[str, str]:
    """The tags of a description; none where a person has written another."""
    note = text.replace(RUN, run_id).replace(EXPERIMENT, experiment)
    current = tags.get(NOTE)
    if current and tags.get(OURS) != _digest(current):
        return {}
    return {NOTE: note, OURS: _digest(note)}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
