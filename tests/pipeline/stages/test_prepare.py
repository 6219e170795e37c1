"""The stage prepare: from the configuration to a folder, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sized
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from tests.damage import flip

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.sources import image_source
from snowmelt.data.sources.array import Array
from snowmelt.pipeline.stages import prepare

CONF = Path(__file__).parents[3] / "conf" / "data"
MakeConfig = Callable[..., DictConfig]


@pytest.fixture
def config() -> MakeConfig:
    """A function that makes a configuration of what this stage reads."""

    def make(choice: str, **data: object) -> DictConfig:
        whole = OmegaConf.create(
            {
                "data": OmegaConf.merge(OmegaConf.load(CONF / f"{choice}.yaml"), data),
                "data_path": "raw",
                "paths": {"prepared": "out/prepared"},
            }
        )
        resolved = OmegaConf.create(OmegaConf.to_container(whole, resolve=True))
        assert isinstance(resolved, DictConfig)
        return resolved

    return make


def images(folder: Path, count: int = 10) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = rng.integers(0, 256, (9 + number, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def test_digits(
    tmp_path: Path, config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = config("digits")
    target = prepare.run(chosen, tmp_path)
    assert target == tmp_path / "out" / "prepared"
    names = ["images.npy", "labels.npy", "manifest.json"]
    assert sorted(path.name for path in target.iterdir()) == names
    data = PreparedData.open(target)
    data.check_made_from(chosen.data)
    assert (data.train.shape, data.held_out.shape) == ((1438, 1, 8, 8), (359, 1, 8, 8))
    assert (data.manifest.levels, data.manifest.name) == (17, "digits")
    told = capsys.readouterr().out
    assert "1797 images 1x8x8, values 0 to 16 (4.09 bits), 10 classes" in told
    assert "1438 to train on, 359 held out (stratified split)" in told


@pytest.mark.parametrize("choice", ["folder", "array"])
def test_same_raw_data_same_bytes(tmp_path: Path, config: MakeConfig, choice: str) -> None:
    images(tmp_path / "raw")
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(30, 2)))
    path = "raw" if choice == "folder" else "a.npy"
    digests = []
    for _ in range(2):
        shutil.rmtree(tmp_path / ".snowmelt", ignore_errors=True)  # so that it reads anew
        target = prepare.run(config(choice, path=path), tmp_path)
        digests.append({path.name: sha256(path) for path in target.iterdir()})
    assert digests[0] == digests[1]
    assert len(digests[0]) >= 2


def test_notes_are_printed(
    tmp_path: Path, config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    images(tmp_path / "raw")
    (tmp_path / "raw" / "bad.png").write_text("no image")
    (tmp_path / "raw" / "README.md").write_text("about")
    prepare.run(config("folder", size=8, on_corrupt="skip"), tmp_path)
    told = capsys.readouterr().out
    assert "note: left out: 1 .md" in told
    assert "skipped bad.png: cannot identify image file" in told


def test_a_mistake_leaves_what_was_there(tmp_path: Path, config: MakeConfig) -> None:
    images(tmp_path / "raw")
    target = prepare.run(config("folder"), tmp_path)
    before = {path.name: sha256(path) for path in target.iterdir()}
    (tmp_path / "raw" / "bad.png").write_text("no image")
    with pytest.raises(UserError, match=r"bad\.png"):
        prepare.run(config("folder"), tmp_path)
    assert {path.name: sha256(path) for path in target.iterdir()} == before
    assert [path.name for path in target.parent.iterdir()] == ["prepared"]


def test_too_few_images_write_nothing(tmp_path: Path, config: MakeConfig) -> None:
    images(tmp_path / "raw", count=3)
    with pytest.raises(UserError, match="at least 2 are needed"):
        prepare.run(config("folder"), tmp_path)
    assert not (tmp_path / "out").exists()


def test_raw_data_is_never_replaced(tmp_path: Path, config: MakeConfig) -> None:
    images(tmp_path / "raw")
    chosen = config("folder")
    chosen.paths.prepared = "raw"
    with pytest.raises(UserError, match="was not made by this"):
        prepare.run(chosen, tmp_path)
    assert len(list((tmp_path / "raw").iterdir())) == 10


def test_a_wrong_value_names_its_key(tmp_path: Path, config: MakeConfig) -> None:
    with pytest.raises(UserError, match=r"size must be a positive integer.*, got -3"):
        prepare.run(config("folder", size=-3), tmp_path)


def test_the_levels_that_occur_are_told_and_kept(
    tmp_path: Path, config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw").mkdir()
    for number in range(12):
        mask = np.random.default_rng(number).integers(0, 2, (8, 8), dtype=np.uint8)
        Image.fromarray(mask).save(tmp_path / "raw" / f"{number}.png")
    target = prepare.run(config("folder", size=8, channels=1), tmp_path)
    told = capsys.readouterr().out
    assert "values 0 to 255 (8.00 bits; 2 levels occur, 0 to 1)" in told
    assert "data.value_range=[0,1]" in told
    seen = {"least": 0, "greatest": 1, "distinct": 2}
    assert PreparedData.open(target).manifest.seen_levels == seen
    cured = config("folder", size=8, channels=1, value_range=[0, 1])
    prepare.run(cured, tmp_path)
    told = capsys.readouterr().out
    assert "values 0 to 1 (1.00 bits)" in told
    assert "note" not in told


def test_data_that_exceeds_the_memory_is_one_line(
    tmp_path: Path, config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: object) -> None:
        raise MemoryError("8 PiB")

    monkeypatch.setattr(Array, "read", read)
    with pytest.raises(UserError, match=r"data: array does not fit into memory \(8 PiB\)"):
        prepare.run(config("array", path="a.npy"), tmp_path)
    assert not (tmp_path / "out").exists()


# --- what was prepared before -----------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each reading of a folder has decoded."""
    counts: list[int] = []
    decode = image_source.decode_all

    def counted(images: Sized, *given: object, **more: object) -> object:
        counts.append(len(images))
        return decode(images, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(image_source, "decode_all", counted)
    return counts


def made(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.iterdir()}


def test_images_that_have_not_changed_are_read_once(
    tmp_path: Path,
    config: MakeConfig,
    reads: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    images(tmp_path / "raw")
    target = prepare.run(config("folder", size=8), tmp_path)
    first, told = made(target), capsys.readouterr().out
    assert prepare.run(config("folder", size=8), tmp_path) == target
    said = capsys.readouterr().out
    assert said.startswith(told), "it says what it holds again"
    assert f"read before, and nothing has changed since: {target} holds it" in said
    elsewhere = config("folder", size=8)
    elsewhere.paths.prepared = "second/prepared"
    assert made(prepare.run(elsewhere, tmp_path)) == made(target) == first
    assert reads == [10]


def touched(raw: Path) -> None:
    """Another file of the same size, at the same time by its record of changes."""
    kept = (raw / "3.png").stat()
    content = bytearray((raw / "3.png").read_bytes())
    content[-1] ^= 1
    (raw / "3.png").write_bytes(content)
    os.utime(raw / "3.png", ns=(kept.st_atime_ns, kept.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        touched,
        lambda raw: (raw / "3.png").rename(raw / "b.png"),
        lambda raw: images(raw, 11),
        lambda raw: (raw / "about.md").write_text("what is left out is told"),
        lambda raw: (raw / "cats").mkdir() or (raw / "3.png").rename(raw / "cats/3.png"),
    ],
)
def test_images_that_changed_are_read_again(
    tmp_path: Path, config: MakeConfig, reads: list[int], change: Callable[[Path], object]
) -> None:
    images(tmp_path / "raw")
    prepare.run(config("folder", size=8), tmp_path)
    change(tmp_path / "raw")
    prepare.run(config("folder", size=8), tmp_path)
    assert len(reads) == 2


@pytest.mark.parametrize(
    "chosen", [{"size": 9}, {"fit": "pad"}, {"channels": 1}, {"split_seed": 1}]
)
def test_so_are_they_where_something_else_is_made_of_them(
    tmp_path: Path, config: MakeConfig, reads: list[int], chosen: dict[str, object]
) -> None:
    images(tmp_path / "raw")
    prepare.run(config("folder", size=8), tmp_path)
    prepare.run(config("folder", **({"size": 8} | chosen)), tmp_path)
    assert len(reads) == 2


def test_so_are_they_where_what_was_made_is_damaged_or_gone(
    tmp_path: Path, config: MakeConfig, reads: list[int]
) -> None:
    images(tmp_path / "raw")
    target = prepare.run(config("folder", size=8), tmp_path)
    whole = made(target)
    flip(target / "images.npy", 1)
    prepare.run(config("folder", size=8), tmp_path)
    assert made(target) == whole
    shutil.rmtree(target)
    prepare.run(config("folder", size=8), tmp_path)
    assert made(target) == whole
    assert len(reads) == 3


def test_an_archive_is_known_by_its_size_and_times(
    tmp_path: Path, config: MakeConfig, reads: list[int]
) -> None:
    images(tmp_path / "raw")
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "raw")
    chosen = config("folder", size=8, path=archive)
    for _ in range(2):
        prepare.run(chosen, tmp_path)
    images(tmp_path / "raw", 12)
    shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "raw")
    prepare.run(chosen, tmp_path)
    assert reads == [10, 12]


def test_where_nothing_can_be_noted_it_is_prepared_all_the_same(
    tmp_path: Path, config: MakeConfig
) -> None:
    images(tmp_path / "raw")
    (tmp_path / ".snowmelt").write_text("a file in the place of the folder")
    assert prepare.run(config("folder", size=8), tmp_path).is_dir()


@pytest.mark.parametrize(
    ("choice", "given", "said"),
    [
        ("digits", {"classes": ["99"]}, r"^start\.of\.classes: there is no class '99'"),
        ("digits", {"classes": []}, r"^start\.of\.classes is an empty list"),
        ("digits", {"pad_to": 4}, r"^start\.of\.pad_to=4 is less than the images"),
        ("digits", {"held_out_fraction": 0.0001}, r"change start\.of\.held_out_fraction$"),
        ("array", {"path": "none.npy"}, r"^start\.of\.path: .* does not exist"),
        ("folder", {"path": "none"}, r"^start\.of\.path: .* does not exist"),
        ("two_moons", {"held_out_fraction": 0.5}, r"^start\.of\.held_out_fraction must be"),
    ],
)
def test_an_error_of_the_starts_names_their_keys(
    tmp_path: Path, config: MakeConfig, choice: str, given: dict[str, object], said: str
) -> None:
    both, other = config("digits"), config(choice, **given)
    both.start = {"_target_": "snowmelt.starts.DataSet", "of": other.data}
    with pytest.raises(UserError, match=said) as caught:
        prepare.run(both, tmp_path)
    assert "data." not in str(caught.value).replace(str(tmp_path), "")
