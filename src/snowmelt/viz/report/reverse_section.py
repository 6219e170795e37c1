"""The animations and pictures of the section "From noise to data", or from a start."""

from __future__ import annotations

from dataclasses import dataclass, replace

from snowmelt.viz.report import embedded_pictures
from snowmelt.viz.report.report_material import JOURNEY, Material

MOST_ANIMATION_BYTES = 1_200_000


@dataclass(frozen=True)
class Shown:
    """A picture of the page.

    Attributes:
        alt: for who cannot see it.
        kind: its class in the page.
        address: of the picture itself.
    """

    alt: str
    caption: str
    kind: str = ""
    title: str = ""
    address: str = ""


_ANIMATIONS = {
    "forward_animation": Shown(
        "film of real points that turn into noise",
        "Real points take one small random step after another until nothing is left of"
        " where they came from.",
        title="data to noise",
    ),
    "trajectory_animation": Shown(
        "film of the samples on their way from noise to data",
        "The model starts from fresh noise and walks the same way back, led by the"
        " score that it has learned. These are the samples of this page.",
        title="noise to data",
    ),
}

# What is said otherwise of a flow that is no diffusion.
_OF_A_FLOW = {
    "trajectory_animation": Shown(
        "film of the samples on their way from their starts to the data",
        "Each start is carried to one sample, along the velocity that the network has"
        " learned. These are the samples of this page.",
        title="start to data",
    ),
    "trajectory_strip": Shown(
        "moments of the flow",
        "The flow from the starts (t = 1) to the data (t = 0).",
    ),
    "paths": Shown(
        "paths of the same start points by the flow, and along the bridge if there is one",
        "The same start points on their way, one coordinate over time. The flow adds no"
        " noise, and its paths are smooth; a bridge, which a flow with a score of its own"
        " has beside it, does, and passes through the same densities.",
    ),
}

_STILLS = {
    "forward_strip": Shown(
        "moments of the forward process",
        "The way from data (t = 0) to noise (t = 1), as a strip.",
    ),
    "trajectory_strip": Shown(
        "moments of the reverse process",
        "The reverse process from noise (t = 1) to data (t = 0).",
    ),
    "plane_paths": Shown(
        "paths of some samples in the plane, from the starts to the data",
        "A few paths over the two densities, of the starts and of the data, each as its"
        " points suggest it. The more the pairs of a training cross, the more the paths"
        " bend; those of an optimal plan are nearly straight.",
        "fields",
    ),
    "flow_steps": Shown(
        "the error of the ends against the number of Euler's steps",
        "How many steps this flow needs: the root mean square distance of the ends from"
        " those of the same flow in many fine steps. It is the fault of the steps alone,"
        " not of the network. Straight paths lose little even in one step; for crooked ones"
        " twice as many steps halve the error, as the rule is of first order.",
        "fields",
    ),
    "paths": Shown(
        "paths of the same start points by three samplers",
        "The same start points on three ways from noise to data, one coordinate over"
        " time. The DDPM chain and the reverse SDE add noise on the way; the"
        " probability-flow ODE adds none, and its paths are smooth. All three pass"
        " through the same densities, behind them. Where the density of the data is"
        " known, a second row takes its exact score in place of the learned one: what"
        " differs between the rows is the network's fault, what differs within a row"
        " the sampler's.",
    ),
    "fields": Shown(
        "the score as arrows, at several noise levels",
        "The score points to where points get denser. Where the true one is known it stands"
        " beside the learned one, with what is left between them, and each row is one noise"
        " level with a scale of its own. Arrows stand only where points come: elsewhere a"
        " network has learned nothing, and is hardly asked. An arrow's length grows as the"
        " root of the score's, so that small ones are seen; black ones are longer than they"
        " are drawn; rms is the root mean square over the arrows.",
        "fields",
    ),
    "densities": Shown(
        "densities of the data, of the samples and of the model",
        "From points back to a density. Bumps on samples blur it; the probability-flow"
        " equation gives the model's own at every place, whether a sample came there or"
        " not. The true one stands first where it is known. Each is drawn by its own peak.",
    ),
}


def animations(material: Material) -> list[Shown]:
    """The films that are light enough to embed, in the order of the story."""
    address = embedded_pictures.data_address
    return [
        replace(shown, address=address(material.pictures[name], "gif"))
        for name, shown in _told(material, _ANIMATIONS).items()
        if 0 < len(material.pictures.get(name, b"")) <= MOST_ANIMATION_BYTES
    ]


def stills(material: Material) -> list[Shown]:
    """The pictures that need no motion, which print as well."""
    # A strip of images is a photograph; the others are plots.
    pictures = embedded_pictures
    address = pictures.png_address if material.is_images else pictures.plot_address
    return [
        replace(shown, address=address(material.pictures[name]))
        for name, shown in _told(material, _STILLS).items()
        if material.pictures.get(name)
    ]


def title(material: Material) -> str:
    """The heading of the section."""
    return "From noise to data" if material.begins_in_noise else "From start to data"


def _told(material: Material, shown: dict[str, Shown]) -> dict[str, Shown]:
    """Pictures in the words that fit the model."""
    if not material.is_flow:
        return shown
    return {name: _OF_A_FLOW.get(name, words) for name, words in shown.items()}


def behind(material: Material) -> str:
    """What the pictures show behind the points, where they show points."""
    if material.is_images or not material.pictures.keys() & JOURNEY.keys():
        return ""
    if material.is_flow:
        return (
            "Blue dots are points on their way, and real points lie behind them as orange"
            " crosses."
        )
    return (
        "Blue dots are points on their way. Where the density of the data is known, what"
        " lies behind them in brown tones is the exact density of that moment; where it is"
        " not, real points lie there as orange crosses."
    )
