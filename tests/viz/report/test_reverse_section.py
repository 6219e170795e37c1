"""The films and pictures of how samples came about, in the page."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from snowmelt.viz.report import embedded_pictures, reverse_section
from snowmelt.viz.report.report_material import JOURNEY, Material
from snowmelt.viz.style import image_bytes

PLOT = image_bytes(Image.new("RGB", (20, 10), "#0072b2"))


def material(kind: str = "points", **shown: bytes) -> Material:
    examples = np.zeros((3, 2), dtype=np.float32)
    manifest: dict[str, Any] = {"kind": kind, "name": "x"}
    return Material({}, manifest, examples, examples, {}, {}, pictures=shown)


def test_the_forward_film_stands_before_the_reverse_one() -> None:
    found = reverse_section.animations(
        material(trajectory_animation=b"GIF2", forward_animation=b"GIF1")
    )
    assert [item.title for item in found] == ["data to noise", "noise to data"]
    assert [base64.b64decode(item.address.split(",")[1]) for item in found] == [
        b"GIF1",
        b"GIF2",
    ]
    assert all(item.address.startswith("data:image/gif;base64,") for item in found)
    assert all(item.alt and item.caption for item in found)


def test_a_film_that_is_too_heavy_is_left_out() -> None:
    most = b"x" * reverse_section.MOST_ANIMATION_BYTES
    found = reverse_section.animations(
        material(trajectory_animation=most + b"x", forward_animation=most)
    )
    assert [item.title for item in found] == ["data to noise"]


def test_stills_tell_the_story_in_order() -> None:
    shown = dict.fromkeys(("fields", "paths", "trajectory_strip", "forward_strip"), PLOT)
    found = reverse_section.stills(material(**shown))
    assert [item.alt.split()[0] for item in found] == ["moments", "moments", "paths", "the"]
    assert "forward" in found[0].alt
    assert [item.kind for item in found] == ["", "", "", "fields"]
    assert reverse_section.stills(material(paths=b"")) == []


def a_flow(**shown: bytes) -> Material:
    steps = {"steps": {"steps": np.array([1])}}
    return replace(material(**shown), ways=steps)


def test_a_flow_is_told_in_its_own_words() -> None:
    film = reverse_section.animations(a_flow(trajectory_animation=b"GIF"))
    assert [item.title for item in film] == ["start to data"]
    assert "velocity" in film[0].caption
    shown = dict.fromkeys(("paths", "flow_steps", "plane_paths", "trajectory_strip"), PLOT)
    stills = reverse_section.stills(a_flow(**shown))
    assert [item.alt.split()[0] for item in stills] == ["moments", "paths", "the", "paths"]
    said = " ".join(item.caption for item in [*film, *stills])
    assert "DDPM" not in said
    assert "fresh noise" not in said
    assert "how many steps" in said.lower()
    other = reverse_section.stills(material(**shown))
    assert "DDPM" in other[-1].caption


def test_the_heading_says_where_samples_begin() -> None:
    def begun(target: str) -> str:
        return reverse_section.title(
            replace(material(), config={"start": {"_target_": target}})
        )

    assert begun("snowmelt.starts.Normal") == "From noise to data"
    assert begun("snowmelt.starts.DataSet") == "From start to data"
    assert reverse_section.title(material()) == "From noise to data"


def test_what_lies_behind_is_said_where_there_is_something() -> None:
    assert "brown" in reverse_section.behind(material(paths=PLOT))
    assert reverse_section.behind(material()) == ""
    assert "exact density" not in reverse_section.behind(a_flow(paths=PLOT))
    assert "crosses" in reverse_section.behind(a_flow(paths=PLOT))
    assert reverse_section.behind(material("images", trajectory_strip=PLOT)) == ""


def test_every_picture_has_its_place_in_the_page() -> None:
    shown = dict.fromkeys(JOURNEY, PLOT)
    made = material(**shown)
    assert len(reverse_section.animations(made)) + len(reverse_section.stills(made)) == len(
        JOURNEY
    )


def test_a_large_plot_gets_a_palette_and_keeps_its_size() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 4, (500, 600, 1)).astype(np.uint8)
    plot = Image.fromarray(np.repeat(60 * levels, 3, axis=2))
    content = image_bytes(plot)
    address = embedded_pictures.plot_address(content)
    found = base64.b64decode(address.split(",")[1])
    with Image.open(io.BytesIO(found)) as picture:
        assert picture.size == (600, 500)
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), np.asarray(plot))
    small = embedded_pictures.plot_address(PLOT)
    assert base64.b64decode(small.split(",")[1]) == PLOT


def test_a_plot_that_no_palette_makes_light_is_made_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3)).astype(np.uint8)
    address = embedded_pictures.plot_address(image_bytes(Image.fromarray(noise)))
    assert len(base64.b64decode(address.split(",")[1])) <= embedded_pictures.MOST_BYTES
