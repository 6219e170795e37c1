"""How numbers were measured, in sentences that a paper can quote.

The protocol in metrics.json is complete and long. The sentences have what a reader needs to
judge a number and to ask for it again: which samples of which weights, drawn how, compared
by which features with which data, at which count; of likelihoods which model they are of,
and on which examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snowmelt.evaluation.comparison.disagreement import listed
from snowmelt.training.weight_sets import names

DIGEST = 12  # letters of a digest
_NONE = ("Unguided", "")
_MOST = 5  # values that are told one by one
# What may differ between numbers of one protocol, and is told nevertheless.
_TOLD = ("checkpoint_step", "sample_seed", "num_samples")


def protocol_sentence(*measured: Mapping[str, Any], drawn: str = "") -> str:
    """The sentence; empty where nothing says how the samples were measured.

    Args:
        measured: the contents of metrics.json of runs that are told of together. What a
            protocol lacks is left out, and so is what they do not have in common; seeds,
            counts and steps are told all the same.
        drawn: said in place of the sampler and its steps, where these are compared.
    """
    protocols = [one.get("protocol") for one in measured]
    known = [one for one in protocols if isinstance(one, Mapping) and "sampler" in one]
    if not known or len(known) < len(protocols):
        return ""
    said = _common(known)
    if not any("weights" in one for one in known):
        said["weights"] = names.EMA
    how = [f"by the features of {_extractor(said)}"] if "extractor" in said else []
    if "reference_count" in said:
        how.append(f"with {_reference(said)}")
    if isinstance(count := said.get("n"), int):
        how.append(f"{count:,} at a time{_draws(said)}")
    further = [
        *_if_there(said, "floor_split", "the floor is of {} examples, drawn alike"),
        *_if_there(said, "resize", "resize: {}"),
        *_if_there(said, "evaluation_seed", "seed of the evaluation: {}"),
        *_if_there(said, "digest", f"digest of the protocol: {{:.{DIGEST}}}"),
    ]
    compared = f", were compared {', '.join(how)}" if how else ""
    return f"{'; '.join([f'{_samples(said, drawn)}{compared}', *further])}."


def likelihood_sentence(*measured: Mapping[str, Any]) -> str:
    """How bits per dimension and the denoising error were measured; empty without them.

    Args:
        measured: the contents of metrics.json of runs that are told of together.
    """
    both = [one.get("likelihood") for one in measured]
    parts = []
    for key, told in (("bound", _bound), ("ode", _flow), ("denoising", _denoising)):
        known = [one[key] for one in both if isinstance(one, Mapping) and key in one]
        if known and len(known) == len(both):
            said = _common(known)
            if text := told(said):
                parts.append(f"{text}{_examples(said)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def sampler_words(sampler: Mapping[str, Any]) -> str:
    """A part with what it was set to: `DDIM (eta=1.0, grid Trailing)`."""
    words = []
    for key, value in sampler.items():
        if isinstance(value, Mapping):
            words.append(f"{key} {_class(value)}")
        elif isinstance(value, list) and len(value) > _MOST:
            continue
        elif key not in ("_target_", "steps") and value is not None:
            words.append(f"{key}={value}")
    return f"{_class(sampler)} ({', '.join(words)})" if words else _class(sampler)


def _common(protocols: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all say alike, and the different values of what is told nevertheless."""
    first, *others = protocols
    found = {k: v for k, v in first.items() if all(one.get(k) == v for one in others)}
    for key in _TOLD:
        values = [one[key] for one in protocols if isinstance(one.get(key), int)]
        if len(values) == len(protocols):
            found[key] = sorted(set(values))
    return found


def _samples(said: Mapping[str, Any], drawn: str) -> str:
    count = said.get("num_samples")
    parts = [f"{_numbers(count)} samples" if count else "Samples"]
    if "weights" in said:
        weights = names.said(str(said["weights"]))
        parts.append(f"of the {weights} weights".replace("  ", " "))
    if steps := said.get("checkpoint_step"):
        parts.append(f"at {'step' if len(steps) == 1 else 'steps'} {_numbers(steps)}")
    is_told = bool(drawn) or "sampler" not in said
    words = drawn or "drawn by the sampler of each"
    drawn = words if is_told else f"drawn by {sampler_words(said['sampler'])}"
    if not is_told and isinstance(steps := said.get("steps"), int):
        drawn += f" in {steps:,} steps"
    if _class(guided := said.get("guidance") or {}) not in _NONE:
        drawn += f" under {sampler_words(guided)}"
    if seeds := said.get("sample_seed"):
        drawn += f" with {'seed' if len(seeds) == 1 else 'seeds'} {_numbers(seeds)}"
    rounded = f" and {said['quantiser']}" if "quantiser" in said else ""
    return f"{' '.join(parts)}, {drawn}{rounded}"


def _numbers(values: Sequence[int]) -> str:
    """`0`, `0, 1 and 2`, or the ends of many."""
    if len(values) > _MOST:
        return f"{values[0]:,} to {values[-1]:,}"
    return listed([f"{value:,}" for value in values])


def _bound(said: Mapping[str, Any]) -> str:
    if "steps" not in said:
        return ""
    variance = f" with the variance {said['variance']}" if "variance" in said else ""
    return f"the bound is of a chain of {said['steps']:,} steps{variance}"


def _flow(said: Mapping[str, Any]) -> str:
    if "steps" not in said:
        return ""
    solver = str(said.get("solver", "")).partition(",")[0]
    by = f" by {solver}" if solver else ""
    return f"the flow is the probability-flow equation{by} in {said['steps']:,} steps"


def _denoising(said: Mapping[str, Any]) -> str:
    levels = said.get("log_snr")
    if not isinstance(levels, list) or len(levels) < 2:
        return ""
    return (
        f"the denoising error is the mean over {len(levels)} log-SNRs from {levels[0]} to"
        f" {levels[-1]}"
    )


def _examples(said: Mapping[str, Any]) -> str:
    """Of how many examples, and whether the network was told their classes."""
    if not isinstance(count := said.get("n"), int):
        return ""
    told = ", whose classes were told" if said.get("labels") == "given" else ""
    return f", on {count:,} {said.get('split', 'held-out')} examples{told}"


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
