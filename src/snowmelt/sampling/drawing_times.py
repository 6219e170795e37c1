"""How long drawing samples took.

That is of a machine and a day, while the folder of samples is the same whenever they are
drawn. So it is kept apart from them, under their identity.
"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

from snowmelt.common.errors import UserError
from snowmelt.common.files import write_json


class DrawingTimes:
    """Seconds that samples took, each in a note of its own.

    Args:
        folder: keeps the notes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remember(self, identity: str, samples: int, seconds: float) -> None:
        """Note the time of a set of samples, in place of an earlier one.

        Nothing depends on it, so a disk that is full ends no stage.
        """
        with contextlib.suppress(OSError, UserError):
            content = {"identity": identity, "samples": samples, "seconds": seconds}
            write_json(self._note(identity), content)

    def seconds(self, identity: str) -> float | None:
        """How long the samples took; None where nobody noted it."""
        try:
            read = json.loads(self._note(identity).read_text(encoding="utf-8"))
            found = float(read["seconds"]) if read["identity"] == identity else math.nan
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if 0 < found < math.inf else None

    def _note(self, identity: str) -> Path:
        return self.folder / f"{identity[:16]}.json"
