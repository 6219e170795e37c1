"""Which settings a command needs less memory with."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    share = size // (config.trainer.processes * config.trainer.num_nodes)
    more = next((n for n in range(parts + 1, share + 1) if share % n == 0), None)
    same = f"take each batch in parts by trainer.accumulate={more} (the same training), "
    lower = f"lower training.batch_size ({size}) or choose a smaller net"
    return f"{same if more else ''}{lower}"
