"""What a visitor finds at the entrance: licence, citation, changes, continuous testing."""

from __future__ import annotations

import re
import tomllib

import yaml

import snowmelt
from tests.project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_licence_is_apaches_in_full() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n" in text
    assert "Version 2.0, January 2004" in text
    assert [int(n) for n in re.findall(r"^   (\d)\. ", text, re.MULTILINE)] == [
        *range(1, 10)
    ]
    assert "APPENDIX: How to apply the Apache License to your work." in text
    assert PROJECT["license"] == CITATION["license"] == "Apache-2.0"
    assert PROJECT["license-files"] == ["LICENSE"]


def test_the_citation_has_what_its_format_requires() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    for key in ("message", "title", "authors"):
        assert CITATION[key], key
    assert CITATION["title"] == PROJECT["name"]
    assert [author["name"] for author in CITATION["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]


def test_the_citation_names_the_version_of_the_package() -> None:
    assert str(CITATION["version"]) == snowmelt.__version__


def test_the_changes_begin_with_the_unreleased_and_know_the_version() -> None:
    versions = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGES, re.M)
    assert versions[0] == ("Unreleased", "")
    assert snowmelt.__version__ in dict(versions)
    assert all(date for name, date in versions if name != "Unreleased")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", CHANGES, re.MULTILINE)) <= kinds


def test_the_usual_host_runs_the_script_that_everyone_can_run() -> None:
    path = ROOT / ".github" / "workflows" / "ci.yml"
    steps = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["ci"]["steps"]
    assert steps[-1]["run"] == "bash .ci/run"
    (python,) = (step["with"] for step in steps if "python" in step.get("uses", ""))
    assert python["python-version"] == "3.11"
    assert python["cache"] == "pip"
