"""YAML is read as plain data, in proportion to the size of the file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from snowmelt.common.errors import UserError
from snowmelt.common.yaml_files import LARGEST, dump_yaml, parse_yaml, read_yaml

LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (LAUGHS, "anchors"),
        ("a: &a [*a]", "anchors"),
        ("<<: &x {a: 1}", "anchors"),
        ("a: 1\nb: 2\na: 3", r"the key 'a' is given twice \(first in line 1\) \(line 3"),
        ("a: {b: 1, 'b': 2}", "the key 'b' is given twice"),
        ("1: a\n'1': b", "given twice"),
        ("[" * 100_000, "nested more than 64 levels"),
        ("a: !!python/name:os.system", "tags are not taken"),
        ("!!set {a}", "tags are not taken"),
        ("? {a: 1}\n: 2", "a key must be a text"),
        ("a: \x07", "not valid YAML"),
        ("a:\n\t- b", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
        ("a: " + "9" * 5000, "not valid YAML"),
    ],
)
def test_what_is_no_plain_data_is_refused_in_a_line(text: str, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        parse_yaml(text, "the file")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("the file is not valid YAML: ")


def test_numbers_are_numbers_and_dates_are_texts() -> None:
    found = parse_yaml("a: 1e-3\nb: 1E5\nc: 2024-01-01\nd: .nan\ne: -0.5e-1\nf: e5", "f")
    assert math.isnan(found.pop("d"))
    assert found == {"a": 1e-3, "b": 1e5, "c": "2024-01-01", "e": -0.05, "f": "e5"}


@pytest.mark.parametrize("content", [b"a: \xff", "a: 1".encode("utf-16"), b"\xff\xfe"])
def test_other_encodings_are_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.yaml is not valid YAML: .*UTF-8"):
        read_yaml(file)
    file.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_yaml(file) == {"a": 1}


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as stream:
        stream.truncate(50 * LARGEST)
    with pytest.raises(UserError, match="is larger than 1,048,576 bytes"):
        read_yaml(file)
    with pytest.raises(UserError, match="is not a file"):
        read_yaml(tmp_path)


def test_what_is_written_is_read_back() -> None:
    shared = ["1e5", "2024-01-01", "null", "~", "010", "1:30", "é", "a: b"]
    values = {"a": shared, "b": shared, "c": 1e-7, "d": {"e": None}, "f": True}
    assert parse_yaml(dump_yaml(values), "f") == values
