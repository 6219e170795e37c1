"""Compatibility rules of iterated fitting: what each flow needs to learn from the last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build, plain
from snowmelt.common.made_folders import is_inside
from snowmelt.common.places import located
from snowmelt.diffusion.interpolants import BrownianBridge, Interpolant
from snowmelt.diffusion.processes import RectifiedFlow
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused, settle
from snowmelt.pipeline.compatibility.training_rules import built_process, named
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.training.pairs import has_start

OUT = "it lies outside: iterations lay out folders of their own below out=DIR: leave it out"


def check(config: Mapping[str, Any], root: Path) -> None:
    """Refuse a configuration whose flows cannot learn from each other.

    Raises:
        UserError: with the keys, the reason and what to do.
    """
    settle(issues(config) + _places(config, root))


def issues(config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issues of an iterated fitting, all of them errors.

    Raises:
        UserError: no method is chosen, or a part refuses its arguments.
    """
    alternates = config["iterate"]["alternates"]
    if alternates is None:
        raise UserError(
            "iterate: choose a method: iteration=dsbm for bridges there and back,"
            " iteration=reflow for ever straighter flows"
        )
    found = _pairs(config, alternates)
    process = built_process(config)
    if not isinstance(process, RectifiedFlow):
        text = (
            f"{named(process)} goes from start to data along curves, and iterations make"
            " lines straight, or bridges Brownian; use process=rectified_flow and"
            " schedule=rectified_flow"
        )
        found.append(refused(("process",), text))
    return found + (_bridge(config) if alternates else _flow(config))


def _pairs(config: Mapping[str, Any], alternates: bool) -> list[CompatibilityIssue]:
    """The issues of pairs that no flow can draw, or none can keep."""
    found = []
    if config["start"].get("by") is not None:
        text = (
            "each degraded image has its partner already, the original, so there are no"
            " pairs to find, and the way back has no data of its own; train it once with"
            " `snowmelt pipeline` and coupling=paired, or use start=data"
        )
        found.append(refused(("start",), text))
    elif alternates and not has_start(config):
        text = (
            "bridges go back to the starts too, which are then the data, and noise is no"
            " data set;"
            " use start=density, whose points are normal unless start.of.density says"
            " otherwise, start=data, or iteration=reflow"
        )
        found.append(refused(("start",), text))
    there, back = _examples(config["data"]), _examples(config["start"].get("of") or {})
    if there == back:
        text = "data and starts are the same examples; choose a start of other ones"
        found.append(refused(("data", "start"), text))
    if config["denoiser"].get("conditional", False):
        text = (
            "a start has no class to be carried to, so pairs are drawn without; set"
            " denoiser.conditional=false"
        )
        found.append(refused(("denoiser.conditional",), text))
    if config["training"].get("flip", False):
        text = "a mirrored example is no longer the end of its start; set it to false"
        found.append(refused(("training.flip",), text))
    return found


def _examples(section: Mapping[str, Any]) -> dict[str, Any]:
    """What of a section decides its examples; a class is named by a number or a text."""
    found = {key: value for key, value in plain(section).items() if key != "name"}
    if isinstance(classes := found.get("classes"), list):
        found["classes"] = sorted(map(str, classes))
    return found


def _bridge(config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issues of Markovian fitting, whose pairs are the ends of a bridge's own paths."""
    found = []
    interpolant = build(config["interpolant"], Interpolant)
    if not isinstance(interpolant, BrownianBridge):
        text = (
            f"{named(interpolant)} is not what a Brownian motion does between two ends,"
            " which Markovian fitting puts between pairs; use interpolant=brownian_bridge,"
            " or iteration=reflow"
        )
        found.append(refused(("interpolant", "iterate.alternates"), text))
    if not config["denoiser"].get("with_score", False):
        text = (
            "pairs are drawn along the bridge with its noise, for which the network has to"
            " know a score; set denoiser.with_score=true, or use iteration=reflow"
        )
        found.append(refused(("denoiser.with_score", "iterate.alternates"), text))
    sampler = build(config["sampler"], Sampler)
    eta = config["sampler"].get("eta")
    if not sampler.walks_bridges or eta != 1.0:
        said = "" if eta is None else f" with eta={eta:g}"
        text = (
            f"{named(sampler)}{said} does not walk along the bridge with all its noise; use"
            " sampler=euler_maruyama with sampler.eta=1, or iteration=reflow"
        )
        found.append(refused(("sampler", "iterate.alternates"), text))
    return found


def _flow(config: Mapping[str, Any]) -> list[CompatibilityIssue]:
    """The issues of reflow, whose pairs are the two ends of a flow's own paths."""
    found = []
    interpolant = build(config["interpolant"], Interpolant)
    if not interpolant.is_straight:
        text = (
            f"{named(interpolant)} bends what reflow makes straight; use"
            " interpolant=straight, or iteration=dsbm"
        )
        found.append(refused(("interpolant", "iterate.alternates"), text))
    sampler = build(config["sampler"], Sampler)
    if sampler.draws:
        text = (
            f"{named(sampler)} adds noise, and reflow learns from where the flow itself"
            " ends; use sampler=euler or heun, or iteration=dsbm"
        )
        found.append(refused(("sampler", "iterate.alternates"), text))
    return found


def _places(config: Mapping[str, Any], root: Path) -> list[CompatibilityIssue]:
    """The issues of places that were named apart: each iteration has its own."""
    paths = plain(config["paths"])
    top = root / paths["root"]
    keys = [
        f"paths.{key}" for key, place in paths.items() if not is_inside(root / place, top)
    ]
    checkpoint = located(root, str(config["sample"]["checkpoint"]))
    if not is_inside(checkpoint, root / paths["model"]):
        keys.append("sample.checkpoint")
    return [refused((key,), OUT) for key in keys]
