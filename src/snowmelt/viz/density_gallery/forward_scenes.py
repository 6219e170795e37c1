"""From data to noise: points, the density itself, and single paths."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.plane.raster import raster
from snowmelt.sampling.trajectories import forward
from snowmelt.viz.animation.cloud_animation import cloud_film, cloud_strip
from snowmelt.viz.density_gallery.gallery_material import Material, evenly, paced
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.plots.density_plot import density_film, density_panels
from snowmelt.viz.plots.sample_paths import paths_in_plane
from snowmelt.viz.style import save_png

PANELS = 6
_ROOM, _FINER = 1.06, 4  # around the paths; steps for one of a sampler


def draw_forward(material: Material, folder: Path) -> None:
    """Points over the density of their time."""
    size, process = material.size, material.preserving
    path = forward(process, material.points, paced(size.frames), seed=material.seed)
    times, states = path.times.numpy(), path.states.numpy()
    melting = material.melting(process, path.times)
    cloud_film(
        folder / "forward.gif",
        [states],
        ["data melts into noise"],
        times,
        background=melting,
        seconds=size.seconds,
    )
    strip = cloud_strip(states, times, background=melting, columns=PANELS)
    save_png(strip, folder / "forward.png")


def draw_density(material: Material, folder: Path) -> None:
    """The density under pure noise."""
    _melting(material, folder, "density", material.walk, material.walk_reach)


def draw_density_preserving(material: Material, folder: Path) -> None:
    """The density under noise and shrinking signal."""
    _melting(material, folder, "density_preserving", material.preserving, material.reach)


def _melting(
    material: Material, folder: Path, name: str, process: Process, reach: float
) -> None:
    times = paced(material.size.frames)
    film = material.melting(process, times, reach)
    density_film(folder / f"{name}.gif", film, times.numpy(), material.size.seconds)
    few = paced(PANELS)
    titles = [f"t = {float(t):.2f}" for t in few]
    panels = density_panels(material.melting(process, few, reach), titles)
    save_png(panels, folder / f"{name}.png")


def draw_random_walk(material: Material, folder: Path) -> None:
    """Paths of pure noise."""
    _save_paths(material, material.walk, folder / "random_walk.png")


def draw_ornstein_uhlenbeck(material: Material, folder: Path) -> None:
    """Paths of the same noise with a pull to the middle."""
    process = material.ornstein_uhlenbeck
    _save_paths(material, process, folder / "ornstein_uhlenbeck.png")


def _save_paths(material: Material, process: Process, file: Path) -> None:
    """Over the data, in the frame of the walk, which is the larger."""
    paths = {each: _paths(material, each) for each in (material.walk, process)}
    reach = _ROOM * float(paths[material.walk].abs().max())
    data = raster([material.density], (-reach, reach, -reach, reach), material.size.cells)
    save_png(paths_in_plane(paths[process].numpy(), raster=data), file)


def _paths(material: Material, process: Process) -> Tensor:
    """A few paths, of many steps. Shapes: -> (K, N, 2)"""
    starts = material.points[: material.size.paths]
    times = evenly(_FINER * material.size.steps + 1)
    return forward(process, starts, times, seed=material.seed).states


CHAPTER = Chapter(
    "From data to noise",
    (
        Scene(
            "forward",
            "Points melt into noise",
            "What does it mean to corrupt data until it is noise?",
            "Each point is shrunk a little and shaken a little, over and over, knowing"
            " nothing of the others. The fine structure goes first, the coarse one last,"
            " and in the end nobody can tell where a point came from: the cloud is one"
            " round normal distribution.",
            "points over their density at six times, from the data to a round normal cloud",
            draw_forward,
            has_film=True,
        ),
        Scene(
            "density",
            "The density under pure noise",
            "If many points are shaken, how does their distribution change?",
            "Single paths are random, but their density moves by a fixed law: under pure"
            " noise it is blurred, by more and more, and grows wide. This is the process"
            " of equation dx = dW; nothing pulls back, so the frame has to be larger than"
            " the data.",
            "the density of the data, blurred step by step into one wide hill",
            draw_density,
            has_film=True,
        ),
        Scene(
            "density_preserving",
            "The density when the signal shrinks as well",
            "Why do most models shrink the signal while they add noise?",
            "Here noise takes the place of signal instead of piling up on it. The width"
            " stays what it was, and the end is always the same standard normal"
            " distribution, whatever the data: a start that one can draw from without"
            " knowing anything.",
            "the density of the data turning into a standard normal distribution",
            draw_density_preserving,
            has_film=True,
        ),
        Scene(
            "random_walk",
            "A random walk",
            "What is a stochastic differential equation, to look at?",
            "A few points with pure noise, f = 0 and constant g: at each step a normal"
            " number is drawn and added. The marked dots are where the paths start."
            " Nothing pulls a path back there or anywhere else: on average it stays, and"
            " it spreads without end.",
            "random paths in the plane that wander away from their marked starts",
            draw_random_walk,
        ),
        Scene(
            "ornstein_uhlenbeck",
            "The same walk with a pull to the middle",
            "What does the drift f change?",
            "The same starts and the same random numbers, and a pull to the middle that is"
            " the stronger the further out a point is. This is the Ornstein-Uhlenbeck"
            " process: the paths forget where they started, and stay near the middle.",
            "random paths that are held near the middle",
            draw_ornstein_uhlenbeck,
        ),
    ),
)
