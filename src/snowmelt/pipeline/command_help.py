"""What `snowmelt COMMAND --help` says of one command: its keys, its place, examples."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

# What of the configuration a command reads, by the names that `snowmelt settings` knows;
# what is asked for most stands first.
READ = {
    "prepare": "data start",
    "reference": "features trainer",
    "train": "training trainer net optimizer schedule process prediction loss time_sampling"
    " denoiser start coupling interpolant tracking",
    "sample": "sample sampler grid threshold guidance trainer tracking",
    "evaluate": "evaluation likelihood trainer tracking",
    "report": "tracking",
    "pipeline": "experiment data training trainer net sample sampler evaluation multirun",
    "mcmc": "mcmc density",
    "gallery": "gallery density",
    "card": "schedule process",
    "sync": "tracking",
    "ui": "tracking",
}
RUNS = ("compare", "paper")  # take runs that are there, beside keys
OPTIONS = {"compare": " [--json]", "ui": " [--port PORT]", "pipeline": " [--multirun]"}
WIDTH = 88


def usage(command: str) -> str:
    """The form of its command line."""
    runs = " RUN [RUN ...]" if command in RUNS else ""
    config = "" if command in (*RUNS, "queue") else " [--config FILE]"
    options = f"{config} [--cfg]{OPTIONS.get(command, '')}"
    return f"snowmelt {command}{runs} [key=value ...]{options}"


def epilog(command: str, section: str | None, place: str | None, examples: str) -> str:
    """Its keys, where it writes, and the examples of it.

    Args:
        section: the section whose keys it takes by their own names.
        place: the key of the folder that `out=` names.
        examples: of all commands, a line each.
    """
    own = [line for line in examples.splitlines() if line.split()[1:2] == [command]]
    said = [*_said(command, section, place), *(["examples:", *own] if own else [])]
    return "\n".join(said)


def _said(command: str, section: str | None, place: str | None) -> Iterator[str]:
    read = READ.get(command, "").split()
    if read:
        explained = f"`snowmelt settings {read[0]}` explains one of them"
        yield textwrap.fill(f"reads {', '.join(read)}; {explained}", WIDTH)
    yield f"`snowmelt {command} --cfg` prints all keys with their values"
    if section is not None:
        yield f"keys of {section} may be typed without `{section}.` before them"
    if place is not None:
        yield f"out=DIR: the folder to write to, instead of {place}"
