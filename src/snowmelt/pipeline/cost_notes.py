"""What trainings cost: machine, time, weights, versions and commit, in a note for each.

That is of a machine and a day, while a checkpoint is the same whenever it is trained. So it
is kept apart from it, under its identity, whether a tracker is there or not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snowmelt.common.files import write_json
from snowmelt.tracking.location import main_root


class TrainingCosts:
    """The notes.

    Args:
        root: of the project.
    """

    def __init__(self, root: Path) -> None:
        self.folder = main_root(root) / ".snowmelt" / "trained"

    def remember(self, identity: str, facts: dict[str, Any]) -> None:
        """Keep what is known of a training, in place of what was known before."""
        write_json(self._note(identity), {"identity": identity, **facts})

    def facts(self, identity: str) -> dict[str, Any]:
        """What is known of a training; nothing where nobody noted it."""
        try:
            read = json.loads(self._note(identity).read_text(encoding="utf-8"))
            return read if read["identity"] == identity else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _note(self, identity: str) -> Path:
        return self.folder / f"{identity[:16]}.json"
