"""What was measured on another day: every result of a protocol in one small file.

The whole benchmark takes hours, so its table may grow over several days and machines.
`measured.json` in its folder has what was found for each seed, and what each piece of work
took; `--before FILE` begins with it. Weights and points are not in it: what is measured
needs neither any more, and what is not is trained again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, write_json
from tests.benchmarks.bridges.cells import Protocol
from tests.benchmarks.bridges.work import Work

SECONDS = "seconds.json"


def write(protocol: Protocol, seconds: dict[str, float], path: Path) -> None:
    """Keep all results and what they took."""
    folder = protocol.folder
    results = {
        str(one.relative_to(folder)): read_json(one, made_by="bench")
        for one in sorted(folder.rglob("*.json"))
        if one.name != SECONDS
    }
    whole = {"protocol": folder.name, "seconds": seconds, "results": results}
    write_json(path, whole)


def take_over(protocol: Protocol, path: Path) -> dict[str, float]:
    """Lay results of another day where those of this one would lie.

    Returns:
        What each piece of work took, for those that were done.

    Raises:
        SystemExit: results of another protocol, or none.
    """
    try:
        told = read_json(path, made_by="bench")
    except UserError:
        raise SystemExit(f"{path} is no measured.json of this benchmark") from None
    if told["protocol"] != protocol.folder.name:
        raise SystemExit(
            f"{path}: results of {told['protocol']}, and these would be of"
            f" {protocol.folder.name}: leave --before out, or ask for the same"
        )
    for name, result in told["results"].items():
        file = protocol.folder / name
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, result)
    return {str(name): float(taken) for name, taken in told["seconds"].items()}


def still_needed(pieces: Sequence[Work], done: Collection[str]) -> list[Work]:
    """What is not done, without trainings and plans that nothing waits for any more.

    Of another day there are results, and neither weights nor plans: where something waits
    for these, they are made again.
    """
    waited_for = {name for one in pieces for name in one.after}
    wanted: set[str] = set()
    found = []
    for one in reversed(pieces):
        is_there = one.name in done and (one.file is None or one.file.is_file())
        is_result = one.name not in waited_for
        if (one.name in wanted and not is_there) or (is_result and one.name not in done):
            found.append(one)
            wanted |= set(one.after)
    return found[::-1]
