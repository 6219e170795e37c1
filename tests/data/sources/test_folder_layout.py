"""What folders mean."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.sources.folder_layout import understood


def test_flat() -> None:
    found = understood(["a.png", "b.png"])
    assert (found.labels, found.classes, found.held_out, found.notes) == (None,) * 3 + ((),)


@pytest.mark.parametrize("prefix", ["", "wrapped/twice/"])
def test_folders_are_classes_in_the_order_of_their_names(prefix: str) -> None:
    found = understood([prefix + p for p in ("dog/x/1.png", "cat/1.png", "dog/2.png")])
    assert found.classes == ("cat", "dog")
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0, 1]
    assert found.labels.dtype == np.int64
    assert found.held_out is None


@pytest.mark.parametrize("files", [["dog/1.png"], ["dog/1.png", "dog/2.png"]])
def test_one_folder_is_no_class(files: list[str]) -> None:
    found = understood(files)
    assert (found.labels, found.classes) == (None, None)
    assert found.notes == ("all images lie in dog: no classes",)


def test_images_beside_folders() -> None:
    found = understood(["1.png", "dog/1.png"])
    assert found.classes is None
    assert "beside folders" in found.notes[0]


@pytest.mark.parametrize("held_out", ["test", "val", "Validation"])
@pytest.mark.parametrize("prefix", ["", "dogs32/"])
def test_train_and_test(prefix: str, held_out: str) -> None:
    files = ["train/cat/1.png", "train/dog/1.png", f"{held_out}/dog/2.png"]
    found = understood([prefix + file for file in files])
    assert found.held_out is not None
    assert found.held_out.tolist() == [
        False,
        False,
        True,
    ]
    assert found.classes == ("cat", "dog")
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 1]


def test_train_and_test_of_one_class() -> None:
    found = understood(["test/dog/1.png", "train/dog/1.png"])
    assert found.held_out is not None
    assert found.held_out.tolist() == [True, False]
    assert found.classes is None
    assert found.notes == ("all images lie in dog: no classes",)


def test_train_and_test_without_classes() -> None:
    found = understood(["test/1.png", "train/1.png"])
    assert found.held_out is not None
    assert found.held_out.tolist() == [True, False]
    assert (found.classes, found.notes) == (None, ())


def test_val_and_test_are_both_held_out() -> None:
    found = understood(["test/1.png", "train/1.png", "val/1.png"])
    assert found.held_out is not None
    assert found.held_out.tolist() == [True, False, True]


@pytest.mark.parametrize("stray", ["3.png", "extra/3.png"])
def test_images_outside_of_train_and_test(stray: str) -> None:
    with pytest.raises(UserError, match=f"{stray} lies outside of both"):
        understood([stray, "test/1.png", "train/1.png"])


def test_train_alone_is_looked_through() -> None:
    found = understood(["train/cat/1.png", "train/dog/1.png"])
    assert found.classes == ("cat", "dog")
    assert found.held_out is None


def test_a_class_without_a_training_image_is_refused() -> None:
    files = ["test/cat/1.png", "test/cat/2.png", "test/dog/1.png", "train/dog/1.png"]
    with pytest.raises(UserError) as caught:
        understood(files)
    said = str(caught.value)
    assert "the class cat has 2 images to hold out (test/cat/1.png)" in said
    assert "give it training images, or move it away" in said
    assert "\n" not in said


def test_a_class_without_a_held_out_image_is_noted() -> None:
    files = ["test/dog/1.png", "train/cat/1.png", "train/dog/1.png"]
    found = understood(files)
    assert found.classes == ("cat", "dog")
    assert found.notes == ("no image is held out of the classes cat",)


@pytest.mark.parametrize(
    "files",
    [
        ["Cat/1.png", "cat/2.png", "dog/3.png"],
        ["train/dog/1.png", "train/cat/1.png", "test/Cat/2.png"],
        ["cat/1.png", "cat /1.png"],
        ["caf\u00e9/1.png", "cafe\u0301/1.png"],
    ],
)
def test_classes_of_nearly_one_name_are_refused(files: list[str]) -> None:
    with pytest.raises(UserError, match=r"data\.path: the classes .* only: give both one"):
        understood(files)


def test_names_of_classes_can_be_written() -> None:
    found = understood(["a\nb/1.png", "\udcff/1.png"])
    assert found.classes == ("\\udcff", "a\\nb")
