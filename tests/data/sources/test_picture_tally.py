"""What is said of the images of a folder."""

from __future__ import annotations

from typing import Any

from snowmelt.data.image_file import MOST_PAGES, PictureFacts
from snowmelt.data.sources.picture_tally import PictureTally


def facts(**changes: Any) -> PictureFacts:
    plain: dict[str, Any] = {
        "is_enlarged": False,
        "is_grey": False,
        "is_transparent": False,
        "frames": 1,
        "bits": 8,
        "levels": (0, 255),
    }
    return PictureFacts(**(plain | changes))


def notes(
    *found: PictureFacts, channels: int = 3, value_range: tuple[int, int] | None = None
) -> list[str]:
    tally = PictureTally(8, channels, value_range)
    for number, item in enumerate(found):
        tally.add(f"{number}.png", item)
    return tally.notes()


def test_nothing_to_say() -> None:
    assert notes(facts(), facts()) == []
    assert notes(facts(is_grey=True), channels=1) == []


def test_films_name_the_first_and_its_frames() -> None:
    assert notes(facts(), facts(frames=12), facts(frames=2)) == [
        "2 files hold several frames or pages (1.png: 12): the first of each is taken"
    ]


def test_pages_that_were_not_counted_to_the_end() -> None:
    assert "(0.png: 500 or more)" in notes(facts(frames=MOST_PAGES))[0]


def test_grey_among_colour_is_said() -> None:
    mixed = [facts(), facts(is_grey=True), facts()]
    for channels in (1, 3):
        assert notes(*mixed, channels=channels) == [
            "1 of 3 images are grey, the others coloured"
        ]
    assert notes(facts(is_grey=True)) == ["all images are grey: data.channels=1 would do"]


def test_transparency_and_size() -> None:
    assert notes(facts(is_transparent=True), facts(is_enlarged=True)) == [
        "1 images are smaller than 8 and were enlarged",
        "1 images have transparent parts, which became white",
    ]


def test_twelve_bits_in_sixteen() -> None:
    deep = [facts(bits=16, is_grey=True, levels=levels) for levels in ((5, 90), (0, 4001))]
    (note,) = notes(*deep, channels=1)
    assert note.startswith("only the levels 0 to 4001 of 0 to 65535 occur")
    assert note.endswith("data.value_range=[0,4095]")
    assert notes(*deep, channels=1, value_range=(0, 4095)) == []


def test_a_mask_of_two_levels() -> None:
    mask = [facts(is_grey=True, levels=(0, 1))]
    (note,) = notes(*mask, channels=1)
    assert note.endswith("data.value_range=[0,1]")
    assert notes(*mask, channels=1, value_range=(0, 1)) == []


def test_both_depths_in_one_folder() -> None:
    found = notes(facts(), facts(bits=16, levels=(0, 1023)))
    assert found == [
        "1 of 2 images have 16 bits, the others 8",
        "in the files of 16 bits only the levels 0 to 1023 of 0 to 65535 occur: if no"
        " others can, say data.value_range=[0,1023]",
    ]
