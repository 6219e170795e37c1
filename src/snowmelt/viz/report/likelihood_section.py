"""The section on likelihood: each measurement with its own number and protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.common.number_format import number, with_spread
from snowmelt.viz.report import nested_tables

PREFIXES = ("bound_", "ode_")


@dataclass(frozen=True)
class Likelihood:
    """One measurement as it is told.

    Attributes:
        label: what it is.
        text: bits a dimension with the standard error.
        note: what else is to be known about the number.
        protocol: rows of a table.
    """

    label: str
    text: str
    note: str
    protocol: nested_tables.Rows


def is_likelihood(key: str) -> bool:
    """Whether a key of metrics.json belongs to this section."""
    return key.startswith(PREFIXES)


def likelihoods(metrics: Mapping[str, Any]) -> list[Likelihood]:
    """What was measured, if anything."""
    protocols = metrics.get("likelihood")
    protocols = protocols if isinstance(protocols, Mapping) else {}
    told = {"bound": _bound, "ode": _flow}
    return [
        told[name](metrics, protocols[name])
        for name in told
        if name in protocols and f"{name}_bits_per_dim" in metrics
    ]


def _bound(metrics: Mapping[str, Any], protocol: Mapping[str, Any]) -> Likelihood:
    steps, computed = protocol.get("steps", 0), protocol.get("steps_computed", 0)
    note = f"at most this many bits{_of_what(protocol)}"
    if computed < steps - 1:
        note += f", estimated without bias from {computed:,} of {steps - 1:,} steps"
    return Likelihood(
        f"variational bound of a chain of {steps:,} steps",
        _text("bound", metrics),
        note,
        nested_tables.rows(protocol),
    )


def _flow(metrics: Mapping[str, Any], protocol: Mapping[str, Any]) -> Likelihood:
    note = f"exact but for the solver{_of_what(protocol)}"
    if "levels" in protocol:
        note = "at most this many bits, by dequantisation"
    error = metrics.get("ode_bits_per_dim_step_error")
    if error is not None:
        note += f"; half as many steps change it by {number(error)}"
    return Likelihood(
        "probability-flow equation",
        _text("ode", metrics),
        note,
        nested_tables.rows(protocol),
    )


def _of_what(protocol: Mapping[str, Any]) -> str:
    """A model that was told the class answers another question than one that was not."""
    if protocol.get("labels") != "given":
        return ""
    return ", of an example whose class is told: less than of one whose class is not"


def _text(name: str, metrics: Mapping[str, Any]) -> str:
    """Bits a dimension, and nats an example where they are known."""
    key = f"{name}_bits_per_dim"
    told = f"{with_spread(metrics[key], metrics.get(f'{key}_se'))} bits/dim"
    if f"{name}_nats" in metrics:
        nats, error = metrics[f"{name}_nats"], metrics.get(f"{name}_nats_se")
        told += f" ({with_spread(nats, error)} nats an example)"
    return told
