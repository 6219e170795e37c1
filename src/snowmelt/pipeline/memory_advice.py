"""Which settings a command needs less memory with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowmelt.common import distributed

if TYPE_CHECKING:
    from omegaconf import DictConfig


def advice(command: str, config: DictConfig) -> str:
    """What to lower where `command` has run out of memory."""
    if command == "train":
        return _of_training(config)
    if command == "sample":
        return f"lower sample.batch_size ({config.sample.batch_size})"
    if command == "evaluate":
        return (
            f"lower likelihood.batch_size ({config.likelihood.batch_size}), or"
            f" sample.num_samples ({config.sample.num_samples}) and sample again"
        )
    if command in ("mcmc", "gallery"):
        return f"lower {command}.points ({config[command].points})"
    return "use smaller images (data.size) or fewer, or a machine with more memory"


def _of_training(config: DictConfig) -> str:
    """Parts first: they are the same training, which goes on from its saved state."""
    size, parts = config.training.batch_size, config.trainer.get("accumulate", 1)
    wanted = config.trainer.processes * config.trainer.num_nodes
    more = more_parts(size, distributed.world_size(wanted), parts)
    is_same = not config.net.get("dropout")  # whose masks are drawn for each part
    kind = "the same training" if is_same else "with net.dropout another training"
    divided = f"take each batch in parts by trainer.accumulate={more} ({kind}), "
    lower = f"lower training.batch_size ({size}) or choose a smaller net"
    return f"{divided if more else ''}{lower}"


def more_parts(batch_size: int, processes: int, parts: int) -> int | None:
    """The next number of parts that each process can take its share of a batch in."""
    share = batch_size // processes
    return next((n for n in range(parts + 1, share + 1) if share % n == 0), None)
