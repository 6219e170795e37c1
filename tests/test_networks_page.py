"""docs/networks.md against the files of conf/net/."""

from __future__ import annotations

import re

from tests.nets.test_net import FILES, STATED
from tests.project import ROOT

ROW = re.compile(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+)(?: \(a point\))? \|", re.MULTILINE)


def test_the_table_has_the_numbers_of_every_file() -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    table = {name: numbers for name, *numbers in ROW.findall(page)}
    stated = {file.stem: STATED.search(file.read_text(encoding="utf-8")) for file in FILES}
    assert table == {
        name: list(found.groups()[:2]) for name, found in stated.items() if found
    }


def test_the_readme_names_every_network() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith("| `net`"))
    assert all(f"`{file.stem}`" in row for file in FILES)
