"""No state is kept of a training on data that turns out to be damaged."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from snowmelt.common.verification import Verification


class IntactData(pl.Callback):
    """Ends a training as soon as its data is known to be damaged.

    The data is compared with its digests while the first steps are taken. A state is saved
    only when that is done: the data that is prepared again has the same digests, and the
    next training would go on from what the damaged data taught.
    """

    def __init__(self, verification: Verification) -> None:
        self.verification = verification

    def on_train_batch_end(self, *_: Any) -> None:
        self.verification.check()

    def on_save_checkpoint(self, *_: Any) -> None:
        self.verification.finish()
