"""The animations and pictures of the section "From noise to data"."""

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

_STILLS = {
    "forward_strip": Shown(
        "moments of the forward process",
        "The way from data (t = 0) to noise (t = 1), as a strip.",
    ),
    "trajectory_strip": Shown(
        "moments of the reverse process",
        "The reverse process from noise (t = 1) to data (t = 0).",
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
        for name, shown in _ANIMATIONS.items()
        if 0 < len(material.pictures.get(name, b"")) <= MOST_ANIMATION_BYTES
    ]


def stills(material: Material) -> list[Shown]:
    """The pictures that need no motion, which print as well."""
    # A strip of images is a photograph; the others are plots.
    pictures = embedded_pictures
    address = pictures.png_address if material.is_images else pictures.plot_address
    return [
        replace(shown, address=address(material.pictures[name]))
        for name, shown in _STILLS.items()
        if material.pictures.get(name)
    ]


def behind(material: Material) -> str:
    """What the pictures show behind the points, where they show points."""
    if material.is_images or not material.pictures.keys() & JOURNEY.keys():
        return ""
    return (
        "Blue dots are points on their way. Where the density of the data is known, what"
        " lies behind them in brown tones is the exact density of that moment; where it is"
        " not, real points lie there as orange crosses."
    )
