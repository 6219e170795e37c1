"""Weights on disk: the same back, the same bytes, and nothing executed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features import weight_files


def net(seed: int = 0, width: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (os.mkdir, (str(self.path),))


def test_round_trip(tmp_path: Path) -> None:
    one, two = net(0), net(1)
    assert weight_files.digest(one) != weight_files.digest(two)
    weight_files.save(one, tmp_path / "a.pt")
    weight_files.load(two, tmp_path / "a.pt", remedy="try again")
    assert weight_files.digest(one) == weight_files.digest(two)
    x = torch.randn(2, 1, 5, 5)
    assert torch.equal(one.eval()(x), two.eval()(x))


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        weight_files.save(
            net().to(memory_format=torch.channels_last), tmp_path / folder / "a.pt"
        )
    assert (tmp_path / "one/a.pt").read_bytes() == (tmp_path / "two/a.pt").read_bytes()


def test_digest_sees_every_number_and_no_layout() -> None:
    one, two = net(), net()
    assert weight_files.digest(one) == weight_files.digest(
        two.to(memory_format=torch.channels_last)
    )
    assert weight_files.digest(one, "fact") != weight_files.digest(one)
    two[1].running_mean[2] += 1e-6
    assert weight_files.digest(one) != weight_files.digest(two)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "a.pt", tmp_path / "mark"
    for content in (Trap(mark), {"0.weight": Trap(mark)}):
        torch.save(content, path)
        with pytest.raises(UserError, match=r"a\.pt is no readable file of weights"):
            weight_files.load(net(), path, remedy="try again")
    path.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(UserError):
        weight_files.load(net(), path, remedy="try again")
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk", b"\x80\x02."])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.pt is no readable .*: try again"):
        weight_files.load(net(), path, remedy="try again")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.pt"):
        weight_files.load(net(), tmp_path / "a.pt", remedy="try again")


def test_another_network(tmp_path: Path) -> None:
    weight_files.save(net(width=4), tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"a\.pt does not hold the weights of this network"):
        weight_files.load(net(), tmp_path / "a.pt", remedy="try again")


@pytest.mark.parametrize("content", [[torch.ones(1)], {"a": 1}, {1: torch.ones(1)}])
def test_something_else_than_named_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(UserError, match="something else than named tensors: try again"):
        weight_files.load(net(), tmp_path / "a.pt", remedy="try again")
