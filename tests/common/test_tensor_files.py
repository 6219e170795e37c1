"""Files of tensors: what is damaged, packed or larger than it looks is refused unread."""

from __future__ import annotations

import io
import random
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from snowmelt.common.tensor_files import check_plain, read_tensors, tensors


def content() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    return {
        "step": 3,
        "weights": OrderedDict(a=torch.randn(40, 7, generator=generator)),
        "rest": [torch.arange(5), (torch.tensor(True), None, "text")],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(content(), tmp_path / "model.ckpt")
    return tmp_path / "model.ckpt"


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))


def test_what_torch_saved_is_read(file: Path) -> None:
    found = read_tensors(file)
    assert found["step"] == 3
    assert len([*tensors(found)]) == 3
    assert same(found, content())
    assert same(read_tensors(io.BytesIO(file.read_bytes())), content())


def test_one_flipped_bit_is_noticed_or_changes_nothing(file: Path) -> None:
    whole, rng, refused = file.read_bytes(), random.Random(0), 0
    wanted = content()
    for _ in range(300):
        place = rng.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        try:
            found = read_tensors(file)
        except ValueError:
            refused += 1
        else:  # padding, or what the archive says of dates and rights
            assert same(found, wanted), place
            assert found["step"] == 3
    assert refused > 100


def repacked(
    file: Path, change: Callable[[zipfile.ZipInfo, bytes], tuple[bytes, int]]
) -> None:
    """The same archive with every part changed."""
    source = io.BytesIO(file.read_bytes())
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.infolist():
            data, kind = change(member, old.read(member))
            new.writestr(member.filename, data, kind)


def test_packed_parts_are_refused_before_they_are_unpacked(file: Path) -> None:
    torch.save({"zeros": torch.zeros(2**20)}, file)
    repacked(file, lambda member, data: (data, zipfile.ZIP_DEFLATED))
    assert file.stat().st_size < 2**15
    with pytest.raises(ValueError, match=r"compressed, which torch never does.*MB"):
        read_tensors(file)


def test_parts_that_share_their_bytes_are_refused(file: Path) -> None:
    """A directory may name one place in the file again and again."""
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        start = archive.start_dir
        largest = max(archive.infolist(), key=lambda member: member.file_size)
        count = len(archive.infolist())
    entry = whole.index(b"PK\x01\x02", start)
    while whole[entry + 46 :][: len(largest.filename)] != largest.filename.encode():
        entry = whole.index(b"PK\x01\x02", entry + 1)
    length = 46 + len(largest.filename)
    again = 50
    end = bytearray(whole[-22:])
    end[8:12] = 2 * (count + again).to_bytes(2, "little")
    size = int.from_bytes(end[12:16], "little") + again * length
    end[12:16] = size.to_bytes(4, "little")
    directory = whole[start:-22]
    file.write_bytes(
        whole[:start] + directory + again * whole[entry : entry + length] + end
    )
    with pytest.raises(ValueError, match=r"declares|damaged|kind of file"):
        read_tensors(file)


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (torch.ones(1).expand(10**9), "without as many numbers"),
        (torch.ones(3).to_sparse(), "not a plain array"),
        (torch.ones(3, device="meta"), "not a plain array"),
        (torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "plain array"),
    ],
)
def test_tensors_that_are_no_arrays_are_refused(
    file: Path, tensor: torch.Tensor, reason: str
) -> None:
    torch.save({"a": [tensor]}, file)
    with pytest.raises(ValueError, match=reason):
        read_tensors(file)


def test_the_older_form_is_read_only_where_it_is_allowed(tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save(content(), stream, _use_new_zipfile_serialization=False)
    assert same(read_tensors(stream, is_older_allowed=True), content())
    (tmp_path / "old.pth").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="another kind of file"):
        read_tensors(tmp_path / "old.pth")


def test_lists_inside_each_other_again_and_again_are_refused() -> None:
    check_plain({"a": [1, 2.5, None, True, "b", {"c": []}], "d": [[1], [1]]}, "config")
    laughing: list[Any] = [1]
    for _ in range(5):
        laughing = [laughing, laughing]
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    itself: list[Any] = []
    itself.append(itself)
    for wrong in (laughing, deep, itself):
        with pytest.raises(ValueError, match="its config is nested without end"):
            check_plain({"a": wrong}, "config")
    with pytest.raises(ValueError, match="its config holds a Tensor"):
        check_plain({"a": torch.ones(1)}, "config")
