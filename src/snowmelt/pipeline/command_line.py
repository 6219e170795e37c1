"""What can be typed: the commands, and the short names of their keys."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

from snowmelt import __version__
from snowmelt.common.errors import UserError
from snowmelt.pipeline import command_help

STAGES = {
    "compose": "resolve params.yaml and conf/ into one configuration file",
    "prepare": "read raw data into the prepared form, with a held-out split",
    "reference": "fit the feature extractor and measure the real data with it",
    "train": "train the denoiser, or go on with a training that was cut short",
    "sample": "draw samples from a checkpoint",
    "evaluate": "measure the samples against the real data",
    "report": "write one page that shows all of it",
}
COMMANDS = STAGES | {
    "pipeline": "all stages in a row, without DVC; `--multirun` for several jobs",
    "iterate": "flows that learn from each other's pairs: `iteration=dsbm`, `=reflow`",
    "compare": "say how runs, folders or checkpoints differ: `snowmelt compare RUN RUN`",
    "paper": "tables, figures, protocol and cost of runs for a paper: `snowmelt paper RUN`",
    "card": "show what schedules do, before anything is trained",
    "mcmc": "compare Markov chain Monte Carlo with diffusion on a known density",
    "gallery": "draw every animation of diffusion on a known density, and one page of them",
    "settings": "explain the settings of a section, or all: `snowmelt settings training`",
    "queue": "queue DVC experiments, each named by what it changes",
    "sync": "show what waits for the tracking store, and send it",
    "ui": "open MLflow's UI on the newest comparison; `--port` chooses where",
}
# What shows a known density: nothing is trained, and the folder has the density's name.
SHOWN = ("mcmc", "gallery")
# Commands under the names of earlier versions.
RENAMED_COMMANDS = {"films": "gallery"}
# The short names of a command: `snowmelt sample num_samples=64 out=DIR`.
SECTIONS = {
    "train": "training",
    "sample": "sample",
    "evaluate": "evaluation",
    "mcmc": "mcmc",
    "gallery": "gallery",
    "iterate": "iterate",
}
OUTPUTS = {
    "compose": "paths.config",
    "prepare": "paths.prepared",
    "reference": "paths.reference",
    "train": "paths.model",
    "sample": "paths.samples",
    "evaluate": "paths.reports",
    "report": "paths.reports",
    "pipeline": "paths.root",
    "iterate": "paths.root",
}
EPILOG = """\
Overrides are key=value in Hydra's grammar and beat params.yaml:
  snowmelt train schedule=linear training.steps=500
  snowmelt sample checkpoint=model.ckpt num_samples=64 seed=1 batch_size=16 out=DIR
  snowmelt pipeline experiment=photos32 data.path=DIR out=runs/mine
  snowmelt pipeline sweep=schedules
  snowmelt pipeline sweep=samplers sample.num_samples=4000
  snowmelt iterate experiment=moons_to_eight iteration=dsbm count=6 out=runs/dsbm
  snowmelt queue schedule=linear,cosine seed=0,1
  snowmelt compare runs/one runs/two out=DIR
  snowmelt compare RUN_ID model.ckpt across=sampler --json
  snowmelt paper runs/one out=DIR
  snowmelt card schedule=linear,cosine,sigmoid out=card.png
  snowmelt mcmc density=double_gaussian density.distance=2.4 out=DIR
  snowmelt gallery density=llama points=2000 checkpoint=model.ckpt
"""


def parser(typed: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The form of a command line: a command, its overrides and a few options.

    Args:
        typed: what will be parsed; the help is that of the command in it, if there is one.
    """
    named = [RENAMED_COMMANDS.get(text, text) for text in typed]
    command = next((name for name in named if name in COMMANDS), None)
    usage, description, epilog = _help() if command is None else _help_of(command)
    made = argparse.ArgumentParser(
        prog="snowmelt",
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "command",
        type=lambda name: RENAMED_COMMANDS.get(name, name),
        choices=[*COMMANDS],
        metavar="COMMAND",
    )
    made.add_argument("overrides", nargs="*", metavar="key=value")
    made.add_argument("--config", type=Path, help="a composed configuration to run")
    made.add_argument("--cfg", action="store_true", help="print the configuration only")
    made.add_argument(
        "--json", action="store_true", help="compare: print plain values, not a table"
    )
    made.add_argument("--port", type=int, default=5000, help="ui: of the address")
    made.add_argument(
        "-m",
        "--multirun",
        action="store_true",
        help="one job for each comma-separated value",
    )
    made.add_argument("--version", action="version", version=__version__)
    return made


def _help() -> tuple[str, str, str]:
    """Usage, description and epilog where no command is named."""
    commands = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    usage = "snowmelt COMMAND [--config FILE] [--cfg] [--multirun] [key=value ...]"
    more = "`snowmelt COMMAND --help` tells of one command."
    return usage, f"commands:\n{commands}\n\n{more}", EPILOG


def _help_of(command: str) -> tuple[str, str, str]:
    """The same of one command."""
    section, place = SECTIONS.get(command), OUTPUTS.get(command)
    epilog = command_help.epilog(command, section, place, EPILOG)
    return command_help.usage(command), COMMANDS[command], epilog


def full_override(command: str, text: str, root: Path) -> str:
    """Write out a command's short key: `out=` or a key of the command's own section.

    Raises:
        UserError: it is the name of a choice without its group, or `out=` of a command that
            writes into no folder.
    """
    from snowmelt.pipeline.config import composition
    from snowmelt.pipeline.config.overrides import groups

    key, equals, value = text.partition("=")
    if not equals and (meant := _choices_named(text, root)):
        raise UserError(
            f"command line: '{text}' is not of the form key=value (did you mean"
            f" {' or '.join(meant)}?)"
        )
    if not equals or "." in key:
        return text
    if key == "out":
        if command not in OUTPUTS:
            raise UserError(f"{text}: {command} writes into no folder: leave it out")
        return f"{OUTPUTS[command]}={value}"
    section = SECTIONS.get(command)
    written = composition.written(root)
    known = {*written, *groups(root)}
    if section is None or key in known:
        return text
    # A near miss is one of the section's keys, too: its error then names them.
    own = written[section]
    meant = difflib.get_close_matches(key, [*own, *known], n=1)
    return f"{section}.{key}={value}" if meant and meant[0] in own else text


def _choices_named(name: str, root: Path) -> list[str]:
    """The overrides that choose a file of that name, `experiment=photos32`."""
    from snowmelt.pipeline.config.overrides import groups

    return [f"{group}={name}" for group, names in groups(root).items() if name in names]
