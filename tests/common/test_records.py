"""Records: what was written comes back, and a change since is noticed."""

from __future__ import annotations

import json
import random
from pathlib import Path

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256, write_json
from snowmelt.common.records import (
    SEAL,
    content_digest,
    file_digests,
    read_record,
    write_record,
)

CONTENT = {"name": "digits", "shape": [1, 8, 8], "mean": 0.1, "of": {"a": None, "b": True}}


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, CONTENT)
    assert SEAL in json.loads(path.read_text())
    assert read_record(path, made_by="prepare") == CONTENT


def test_a_tuple_and_the_order_of_keys_make_no_difference() -> None:
    assert content_digest({"a": (1, 2), "b": 3}) == content_digest({"b": 3, "a": [1, 2]})
    assert content_digest({"a": 1}) != content_digest({"a": 2})


def test_a_record_of_before_has_no_seal(tmp_path: Path) -> None:
    write_json(tmp_path / "old.json", CONTENT)
    assert read_record(tmp_path / "old.json", made_by="prepare") == CONTENT


def test_one_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, CONTENT)
    whole, rng, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(200):
        place = rng.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = read_record(path, made_by="prepare")
        except UserError as error:
            refused += "manifest.json" in str(error) and "prepare` again" in str(error)
        else:
            # White space, or the name of the seal: all that was written is still there.
            assert CONTENT.items() <= found.items()
    assert refused > 100


def test_every_file_of_a_folder_is_named_by_its_bytes(tmp_path: Path) -> None:
    for name in ("b.npy", "a.npy"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder").mkdir()
    found = file_digests(tmp_path)
    assert found == {name: sha256(tmp_path / name) for name in ("a.npy", "b.npy")}
