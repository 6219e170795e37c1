"""What one process of a group notes while it evaluates the network alone.

The first process measures the held-out loss and draws pictures while the others wait for
it. Whoever watches over the group shall not take that for a standstill.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn

from snowmelt.common.rank_reports import Reporter

_EVERY = 1.0  # seconds between two notes, at least


@contextlib.contextmanager
def noted(net: nn.Module, text: str) -> Iterator[None]:
    """Note, as each part of a network has answered, that this process gets on.

    A whole evaluation of many examples may take longer than a step of the training.

    Args:
        net: what is evaluated.
        text: what it is evaluated for.
    """
    reporter = Reporter()
    if not reporter.is_heard:
        yield
        return

    def note(*_: object) -> None:
        reporter.progress(text, every=_EVERY)

    hooks = [part.register_forward_hook(note) for part in net.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
