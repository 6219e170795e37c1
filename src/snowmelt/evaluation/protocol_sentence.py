"""How numbers were measured, in one sentence that a paper can quote.

The protocol in metrics.json is complete and long. The sentence has what a reader needs to
judge a number and to ask for it again: which samples of which weights, drawn how, compared
by which features with which data, at which count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snowmelt.training.weight_sets import names

DIGEST = 12  # letters of a digest
_NONE = ("Unguided", "")


def protocol_sentence(metrics: Mapping[str, Any], drawn: str = "") -> str:
    """The sentence; empty where nothing says how the samples were measured.

    Args:
        metrics: the content of metrics.json. What its protocol lacks is left out.
        drawn: said in place of the sampler and its steps, where these are compared.
    """
    said = metrics.get("protocol")
    if not isinstance(said, Mapping) or "sampler" not in said:
        return ""
    how = [f"by the features of {_extractor(said)}"] if "extractor" in said else []
    if "reference_count" in said:
        how.append(f"with {_reference(said)}")
    if isinstance(count := said.get("n"), int):
        how.append(f"{count:,} at a time{_draws(said)}")
    further = [
        *_if_there(said, "floor_split", "the floor is of {} examples, drawn alike"),
        *_if_there(said, "resize", "resize: {}"),
        *_if_there(said, "evaluation_seed", "seed of the evaluation: {}"),
    ]
    compared = f", were compared {', '.join(how)}" if how else ""
    return f"{'; '.join([f'{_samples(said, drawn)}{compared}', *further])}."


def sampler_words(sampler: Mapping[str, Any]) -> str:
    """A sampler with what it was set to: `DDIM (eta=1.0, grid Trailing)`."""
    words = []
    for key, value in sampler.items():
        if isinstance(value, Mapping):
            words.append(f"{key} {_class(value)}")
        elif key not in ("_target_", "steps") and value is not None:
            words.append(f"{key}={value}")
    return f"{_class(sampler)} ({', '.join(words)})" if words else _class(sampler)


def _samples(said: Mapping[str, Any], drawn: str) -> str:
    count = said.get("num_samples")
    number = f"{count:,} samples" if isinstance(count, int) else "Samples"
    weights = names.said(str(said.get("weights", "ema")))
    parts = [f"{number} of the {weights} weights".replace("  ", " ")]
    if isinstance(step := said.get("checkpoint_step"), int):
        parts.append(f"at step {step:,}")
    is_told = bool(drawn)
    drawn = drawn or f"drawn by {sampler_words(said['sampler'])}"
    if not is_told and isinstance(steps := said.get("steps"), int):
        drawn += f" in {steps:,} steps"
    if (guided := _class(said.get("guidance") or {})) not in _NONE:
        drawn += f" under {guided}"
    if "sample_seed" in said:
        drawn += f" with seed {said['sample_seed']}"
    rounded = f" and {said['quantiser']}" if "quantiser" in said else ""
    return f"{' '.join(parts)}, {drawn}{rounded}"


def _reference(said: Mapping[str, Any]) -> str:
    split, count = said.get("reference_split", ""), said["reference_count"]
    data = f" of {said['data']}" if "data" in said else ""
    return f"the {count:,} {split} examples{data}{_digest(said, 'data_digest')}"


def _extractor(said: Mapping[str, Any]) -> str:
    found = said["extractor"]
    name = found.get("name", "features") if isinstance(found, Mapping) else found
    return f"{name}{_digest(said, 'extractor_digest')}"


def _draws(said: Mapping[str, Any]) -> str:
    return f" in {said['subsets']:,} draws" if isinstance(said.get("subsets"), int) else ""


def _digest(said: Mapping[str, Any], key: str) -> str:
    return f" ({said[key][:DIGEST]})" if isinstance(said.get(key), str) else ""


def _if_there(said: Mapping[str, Any], key: str, text: str) -> list[str]:
    return [text.format(said[key])] if said.get(key) is not None else []


def _class(part: Mapping[str, Any]) -> str:
    return str(part.get("_target_", "")).rpartition(".")[2]
