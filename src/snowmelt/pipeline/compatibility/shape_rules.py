"""Compatibility rules of the parts with the shape of the data.

The shape is often known before the data is read (`data.size`, the digits): a network that
cannot take it, or that no machine can hold, is refused before anything was prepared.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from snowmelt.common import instantiate
from snowmelt.common.errors import UserError
from snowmelt.data.sources.source import Source
from snowmelt.evaluation.features.extractor import Extractor
from snowmelt.evaluation.likelihood import Exact
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.nets.net import Net
from snowmelt.nets.patches import IndivisibleImageError, padded
from snowmelt.nets.unet import UNet
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused, settle
from snowmelt.sampling.guidance.guidance import Conditioning, Guidance
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.storage import image_files

HALVED = 8  # what the networks divide an image by that a hint names: three times in half
COARSE = 8  # places along the side of the coarsest resolution of a network for its images
MOST_PARAMETERS = 2_000_000_000
"""Weights, their average, the gradient and two moments of them take 40 GB then."""


def shape_of(section: Any, root: Path) -> tuple[int, ...] | None:
    """The shape of one example, where it is known before the data is read.

    A section that is refused is refused by the schema, or by stage prepare.
    """
    try:
        return instantiate.build(section, Source, root=root).event_shape()
    except UserError:
        return None


def check(
    config: Mapping[str, Any],
    shape: tuple[int, ...] | None,
    classes: tuple[str, ...] | None = None,
) -> None:
    """Refuse parts that cannot take data of a shape, and say what is unwise for it.

    Of a shape that is unknown nothing is said.

    Raises:
        UserError: with the keys, the reason and what to do.
    """
    if shape is not None:
        settle(issues(config, shape, classes))


def issues(
    config: Mapping[str, Any],
    shape: tuple[int, ...],
    classes: tuple[str, ...] | None = None,
) -> list[CompatibilityIssue]:
    """The issues of the parts with data of a shape.

    Args:
        shape: of one example, (C, H, W) or (D,).
        classes: the names of the data's classes, where they are known.

    Raises:
        UserError: a part refuses its arguments.
    """
    return [
        *_net(config, shape),
        *_resolutions(config["net"], shape),
        *_features(config["features"], shape),
        *_guidance(config, shape, classes),
        *_flow(config["likelihood"]["ode"], shape),
        *_png(config["sample"]["png"], shape),
    ]


def _net(config: Mapping[str, Any], shape: tuple[int, ...]) -> list[CompatibilityIssue]:
    """Build the network without memory for its weights, and count them."""
    denoiser = config.get("denoiser", {})
    inputs = 2 if denoiser.get("self_conditioned", False) else 1
    doubled = denoiser.get("learned_variance", False) or denoiser.get("with_score", False)
    outputs = 2 if doubled else 1
    try:
        with _WeightsWithoutMemory():
            net = instantiate.build(
                config["net"],
                Net,
                shape=shape,
                inputs=inputs,
                outputs=outputs,
                classes=0,
            )
    except UserError as error:
        return [refused(("net", "data"), f"{error}{_resized(config['data'], error)}")]
    count = sum(weight.numel() for weight in net.parameters())
    if count <= MOST_PARAMETERS:
        return []
    text = (
        f"the network would have {count:,} parameters, and more than {MOST_PARAMETERS:,} do"
        " not fit into a machine with their average, gradient and moments: make it smaller"
    )
    return [refused(("net",), text)]


def _resized(node: Any, error: UserError) -> str:
    """More advice where a network cannot divide an image: the sizes to be had of the data.

    Args:
        node: the section `data`; a source that resizes has a key `size`, and one that adds
            a margin has set its size already.
    """
    cause = error.__cause__
    fields = {one.name for one in dataclasses.fields(instantiate.class_of(node, Source))}
    is_resized = "size" in fields and node.get("pad_to") is None
    if not isinstance(cause, IndivisibleImageError) or not is_resized:
        return ""
    return f", or resize (data.size={' or '.join(map(str, cause.sizes))})"


def _resolutions(node: Any, shape: tuple[int, ...]) -> list[CompatibilityIssue]:
    """Of a U-Net that nowhere sees an image as a whole."""
    is_unet = issubclass(instantiate.class_of(node, Net), UNet)
    if not is_unet or len(shape) != 3:
        return []
    halved = node.get("patch", 1) * 2 ** (len(node["widths"]) - 1)
    coarsest = max(shape[1:]) // halved
    if coarsest <= COARSE:
        return []
    divides = all(side % HALVED == 0 for side in shape[1:])
    margin = "" if divides else f" with data.pad_to={padded(shape, HALVED)}"
    text = (
        f"the coarsest of {len(node['widths'])} resolutions is {coarsest} places wide for"
        f" images of {'x'.join(map(str, shape[1:]))}, where a network learns shapes slowly:"
        f" net=unet_lean (experiment=images32), or net=unet_64 on a GPU,{margin} draws"
        " better in the same time"
    )
    return [CompatibilityIssue(("net", "data"), text)]


class _WeightsWithoutMemory(TorchFunctionMode):
    """Gives no memory to what `torch.empty` makes, as which every layer's weights begin.

    The context `torch.device("meta")` holds for all functions. Some of them are rules in
    Python there, the first of which imports torch's compiler: seconds for each command.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if func is torch.empty and given.get("device") is None:
            given = {**given, "device": "meta"}
        return func(*args, **given)


def _features(node: Any, shape: tuple[int, ...]) -> list[CompatibilityIssue]:
    given = {k: v for k, v in node.items() if k != "independent_classifier"}
    extractor: type[Extractor] = instantiate.class_of(given, Extractor)
    kind = "points" if len(shape) == 1 else "images"
    if extractor.kind == kind:
        return []
    fitting = (
        "coordinates"
        if kind == "points"
        else "classifier, random_conv, inception or dinov2"
    )
    text = (
        f"features={extractor.name} reads {extractor.kind}, and the data holds {kind}:"
        f" choose features={fitting}"
    )
    return [refused(("features", "data"), text)]


def _guidance(
    config: Mapping[str, Any], shape: tuple[int, ...], classes: tuple[str, ...] | None
) -> list[CompatibilityIssue]:
    guidance = instantiate.build(config["guidance"], Guidance)
    if guidance.needs_labels and classes is None:
        return []  # which there are is known when the data is prepared
    sampler = instantiate.build(config["sampler"], Sampler)
    conditioning = Conditioning(shape=shape, classes=classes, examples=_no_examples)
    try:
        guidance.check(conditioning, sampler)
    except ValueError as error:
        return [refused(("guidance", "data"), str(error))]
    return []


def _no_examples(index: Tensor) -> Tensor:
    raise AssertionError("a check looks at shapes, not at examples")


def _flow(node: Any, shape: tuple[int, ...]) -> list[CompatibilityIssue]:
    if node is None:
        return []
    divergence = instantiate.build(node, ProbabilityFlow).divergence
    size = math.prod(shape)
    if not isinstance(divergence, Exact) or size <= divergence.most:
        return []
    text = (
        f"the exact divergence of {size} dimensions takes as many backward passes a step,"
        f" more than {divergence.most}: take likelihood=ode, or raise"
        " likelihood.ode.divergence.most"
    )
    return [refused(("likelihood.ode.divergence", "data"), text)]


def _png(wanted: int | Literal["all"], shape: tuple[int, ...]) -> list[CompatibilityIssue]:
    try:
        image_files.check(wanted, shape)
    except UserError as error:
        return [refused((), str(error))]
    return []
