"""card: configurations in, one picture of what their schedules do out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.pipeline.compatibility.configuration_rules import issues
from snowmelt.pipeline.schedule_cards import label_of, schedule_card
from snowmelt.viz.schedule_card.forward_strip import example
from snowmelt.viz.style import SERIES, save_png

MOST = len(SERIES)


def run(configs: Mapping[str, DictConfig], root: Path, out: Path | None = None) -> Path:
    """Draw the card, say the same in the terminal, and return the file.

    Args:
        configs: each under what it does not share with the others; the label of a single
            one is its schedule's.
        out: the file to write; by default one in outputs/card that has their names.

    Raises:
        UserError: there are more than can be told apart.
    """
    if len(configs) > MOST:
        raise UserError(
            f"a card shows at most {MOST} combinations, got {len(configs)}: leave some out"
        )
    first = next(iter(configs.values()))
    named = {label or label_of(config, root): config for label, config in configs.items()}
    shown = example(root / first.paths.prepared, first.data)
    known = tuple(shown.x_0.shape[1:])
    said = {label: issues(c, shape=known) for label, c in named.items()}
    drawn = schedule_card(named, said, root)
    print(drawn.text())
    if out is None:
        names = re.sub(r"[^\w.=-]+", "_", "_".join(named))
        out = root / first.paths.root / "outputs" / "card" / f"{names[:120]}.png"
    save_png(drawn.figure, out)
    return out
