"""A folder of images: which, in which order, and what happens to bad ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from snowmelt.common.errors import UserError
from snowmelt.data.sources.folder import Folder
from snowmelt.data.sources.printable import printable
from snowmelt.data.sources.source import RawData

SaveImage = Callable[..., np.ndarray]


def read(folder: Path, **changes: Any) -> RawData:
    settings: dict[str, Any] = {"name": "mine", "path": str(folder), "size": 4}
    return Folder(**(settings | changes)).read()


def test_order_sizes_and_suffixes(tmp_path: Path) -> None:
    for level, file in enumerate(["b/2.PNG", "a/9.jpeg", "b/10.bmp", "a/z/1.gif"]):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        size = (10 + 7 * level, 30 - 5 * level)
        Image.new("L", size, 50 * level).save(tmp_path / file)
    raw = read(tmp_path, channels=1)
    # In the order of the paths: a/9.jpeg, a/z/1.gif, b/10.bmp, b/2.PNG.
    assert raw.examples[:, 0, 0, 0].tolist() == [50, 150, 100, 0]
    assert raw.examples.shape == (4, 1, 4, 4)
    assert (raw.examples.dtype.name, raw.value_range) == ("uint8", (0, 255))
    assert raw.classes == ("a", "b")
    assert raw.labels is not None
    assert raw.labels.tolist() == [0, 0, 1, 1]


def test_what_is_no_square_is_fitted_as_asked(tmp_path: Path) -> None:
    Image.new("L", (8, 4), 50).save(tmp_path / "1.png")
    for fit, levels in (("crop", [50]), ("stretch", [50]), ("pad", [50, 255])):
        raw = read(tmp_path, channels=1, fit=fit)
        assert np.unique(np.asarray(raw.examples)).tolist() == levels, fit


def test_the_order_is_not_the_file_systems(tmp_path: Path, save_image: SaveImage) -> None:
    names = [f"{number}.png" for number in range(20)]
    pixels = {name: save_image(tmp_path / name, size=(4, 4)) for name in reversed(names)}
    raw = read(tmp_path)
    for example, name in zip(raw.examples, sorted(names), strict=True):
        assert np.array_equal(example, pixels[name].transpose(2, 0, 1)), name


def test_colour_is_the_default(tmp_path: Path, save_image: SaveImage) -> None:
    pixels = save_image(tmp_path / "1.png", size=(4, 4))
    raw = read(tmp_path)
    assert np.array_equal(raw.examples[0], pixels.transpose(2, 0, 1))
    assert (raw.labels, raw.classes, raw.held_out) == (None, None, None)


def test_hidden_files_and_other_files_are_counted(
    tmp_path: Path, save_image: SaveImage
) -> None:
    for file in ["1.png", ".2.png", ".git/3.png", "__MACOSX/4.png"]:
        save_image(tmp_path / file)
    (tmp_path / "README.md").write_text("about")
    raw = read(tmp_path)
    assert len(raw.examples) == 1
    assert raw.notes == ("left out: 3 hidden, 1 .md",)


def test_small_images_are_enlarged_and_counted(
    tmp_path: Path, save_image: SaveImage
) -> None:
    save_image(tmp_path / "1.png", size=(3, 9))
    save_image(tmp_path / "2.png", size=(4, 4))
    assert read(tmp_path).notes == ("1 images are smaller than 4 and were enlarged",)


def test_train_and_test_are_the_official_split(
    tmp_path: Path, save_image: SaveImage
) -> None:
    for file in ["train/dog/1.png", "test/dog/1.png", "test/dog/2.png"]:
        save_image(tmp_path / file)
    raw = read(tmp_path)
    assert raw.held_out is not None
    assert raw.held_out.tolist() == [True, True, False]
    assert raw.notes == ("all images lie in dog: no classes",)


def test_a_layout_that_can_mean_two_things_is_told_before_images_are_read(
    tmp_path: Path,
) -> None:
    for file in ["train/1.png", "test/1.png", "2.png"]:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("no image")
    with pytest.raises(UserError, match=r"2\.png lies outside of both"):
        read(tmp_path)


def test_linked_folders_are_followed_but_not_in_circles(
    tmp_path: Path, save_image: SaveImage
) -> None:
    save_image(tmp_path / "elsewhere" / "1.png")
    here = tmp_path / "here"
    here.mkdir()
    (here / "link").symlink_to(tmp_path / "elsewhere")
    (here / "link" / "back").symlink_to(here)
    assert len(read(here).examples) == 1


def test_a_relative_path_is_below_the_root(tmp_path: Path, save_image: SaveImage) -> None:
    save_image(tmp_path / "pictures" / "1.png")
    raw = Folder(name="mine", path="pictures", size=4, root=tmp_path).read()
    assert len(raw.examples) == 1


def damaged(folder: Path, save_image: SaveImage) -> None:
    """Three good images, a text and a JPEG that is cut short."""
    for file in ["1.png", "2.png", "5.png"]:
        save_image(folder / file)
    (folder / "3.jpg").write_text("no image")
    save_image(folder / "4.jpg", size=(64, 64))
    whole = (folder / "4.jpg").read_bytes()
    (folder / "4.jpg").write_bytes(whole[: len(whole) // 2])


def test_all_damaged_images_are_listed(tmp_path: Path, save_image: SaveImage) -> None:
    damaged(tmp_path, save_image)
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    head, *lines = str(caught.value).splitlines()
    assert head.startswith(f"2 of 5 images in {tmp_path} cannot be read")
    assert "data.on_corrupt=skip" in head
    assert lines[0] == "  3.jpg: cannot identify image file"
    assert lines[1].startswith("  4.jpg: ")
    assert "truncated" in lines[1]


def test_damaged_images_are_skipped_if_asked(tmp_path: Path, save_image: SaveImage) -> None:
    damaged(tmp_path, save_image)
    raw = read(tmp_path, on_corrupt="skip", size=9)
    assert [item.file for item in raw.skipped] == ["3.jpg", "4.jpg"]
    assert len(raw.examples) == 3
    last = save_image(tmp_path / "5.png")[:, 1:10]
    assert np.array_equal(raw.examples[2], last.transpose(2, 0, 1))


def test_labels_stay_beside_their_images_when_some_are_skipped(
    tmp_path: Path, save_image: SaveImage
) -> None:
    for file in ["a/1.png", "b/1.png", "b/2.png", "c/2.png"]:
        save_image(tmp_path / file)
    for file in ["a/1.png", "b/1.png"]:
        (tmp_path / file).write_bytes(b"damaged")
    raw = read(tmp_path, on_corrupt="skip")
    assert raw.classes == ("b", "c")
    assert raw.labels is not None
    assert raw.labels.tolist() == [0, 1]


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(UserError, match="1 of 1 images"):
        read(tmp_path, on_corrupt="skip")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.path: .*nowhere does not exist"):
        read(tmp_path / "nowhere")


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"data\.path: .* is a file.*data=array"):
        read(tmp_path / "a.npy")


def test_nothing_to_hold_out_is_told_before_the_images_are_read(
    tmp_path: Path, save_image: SaveImage
) -> None:
    for file in ("train/1.png", "train/2.png", "test/1.png"):
        save_image(tmp_path / file)
    assert read(tmp_path, held_out_fraction=None).held_out is not None
    (tmp_path / "train" / "damaged.png").write_bytes(b"")  # reading would tell of it
    with pytest.raises(UserError, match=r"null, and .* has no folders train and test"):
        read(tmp_path / "train", held_out_fraction=None)


@pytest.mark.parametrize(("others", "told"), [([], ""), (["dogs.zip"], "dogs.zip")])
def test_no_images(tmp_path: Path, others: list[str], told: str) -> None:
    for other in others:
        (tmp_path / other).write_bytes(b"")
    with pytest.raises(UserError, match=rf"no images in .*{told}.*\.jpg.*\.webp"):
        read(tmp_path)


def test_names_that_are_no_text_can_be_printed(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"damaged")
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    assert printable("\udcff.png") in str(caught.value)
    str(caught.value).encode("utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": -3}, r"data\.size must be a positive integer, got -3"),
        ({"size": 0}, r"data\.size"),
        ({"size": 8.5}, r"data\.size"),
        ({"size": True}, r"data\.size"),
        ({"channels": 2}, r"data\.channels must be 1 or 3, got 2"),
        ({"channels": True}, r"data\.channels"),
        ({"fit": "padd"}, r"data\.fit must be .*did you mean 'pad'"),
        ({"on_corrupt": "skp"}, r"data\.on_corrupt must be .*did you mean 'skip'"),
        ({"path": None}, r"data\.path"),
        ({"max_pixels": 0}, r"data\.max_pixels must be a positive integer, got 0"),
        ({"max_pixels": 1e6}, r"data\.max_pixels must be a positive integer"),
        ({"value_range": [0, 65536]}, r"data\.value_range must be two .* <= 65535, got"),
        ({"value_range": [9, 3]}, r"data\.value_range"),
        ({"value_range": "01"}, r"data\.value_range"),
        ({"name": ""}, r"data\.name"),
        ({"held_out_fraction": 1.0}, r"data\.held_out_fraction .*, got 1\.0"),
        ({"held_out_fraction": float("nan")}, r"data\.held_out_fraction"),
        ({"held_out_fraction": "half"}, r"data\.held_out_fraction"),
        ({"split_seed": -1}, r"data\.split_seed must be a whole number"),
    ],
)
def test_bad_settings_name_their_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Folder(**({"name": "mine", "path": "here"} | changes))


def test_a_class_that_only_damaged_images_would_teach(
    tmp_path: Path, save_image: SaveImage
) -> None:
    for file in ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"]:
        save_image(tmp_path / file)
    (tmp_path / "train/b/1.png").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"the class b has 1 images to hold out"):
        read(tmp_path, on_corrupt="skip")


def test_a_set_of_two_classes_is_refused_before_images_are_read(tmp_path: Path) -> None:
    for file in ["Cat/1.png", "cat/1.png"]:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("no image")
    with pytest.raises(UserError, match="'Cat' and 'cat'"):
        read(tmp_path)


def test_pipes_and_devices_are_left_out(tmp_path: Path, save_image: SaveImage) -> None:
    save_image(tmp_path / "1.png", size=(4, 4))
    os.mkfifo(tmp_path / "2.png")
    (tmp_path / "3.png").symlink_to("/dev/zero")
    raw = read(tmp_path)
    assert len(raw.examples) == 1
    assert raw.notes == ("left out: 1 device, 1 named pipe",)


def test_images_that_are_too_large_are_named_with_the_limit(
    tmp_path: Path, save_image: SaveImage
) -> None:
    save_image(tmp_path / "1.png", size=(5, 5))
    save_image(tmp_path / "2.png", size=(4, 4))
    with pytest.raises(UserError, match=r"1\.png: .*25 pixels.* of 24 pixels, data\.max_"):
        read(tmp_path, max_pixels=24)
    raw = read(tmp_path, max_pixels=24, on_corrupt="skip")
    assert [item.file for item in raw.skipped] == ["1.png"]


def test_twelve_bits_in_sixteen(tmp_path: Path) -> None:
    for number, top in enumerate((4000, 255)):
        deep = np.array([[0, top], [9, 20]], np.uint16)
        Image.fromarray(deep).save(tmp_path / f"{number}.png")
    dark = read(tmp_path, size=2, channels=1)
    assert dark.examples.max() == 16
    assert dark.notes == (
        "only the levels 0 to 4000 of 0 to 65535 occur: if no others can, say"
        " data.value_range=[0,4095]",
    )
    right = read(tmp_path, size=2, channels=1, value_range=[0, 4095])
    assert right.examples[0].ravel().tolist() == [0, 249, 1, 1]
    assert (right.value_range, right.notes) == ((0, 255), ())


def test_a_mask_of_two_levels(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).save(tmp_path / "1.png")
    assert "data.value_range=[0,1]" in read(tmp_path, size=2, channels=1).notes[0]
    raw = read(tmp_path, size=2, channels=1, value_range=[0, 1])
    assert raw.examples.ravel().tolist() == [0, 1, 1, 0]
    assert (raw.value_range, raw.notes) == ((0, 1), ())
    Image.fromarray(np.array([[0, 2], [1, 0]], np.uint8)).save(tmp_path / "2.png")
    with pytest.raises(UserError, match=r"2\.png: its levels are 0 to 2, outside of data"):
        read(tmp_path, size=2, channels=1, value_range=[0, 1])
