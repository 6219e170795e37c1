from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
from PIL import Image

from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.viz import style
from snowmelt.viz.plots.metric_bars import metrics_with_floor
from snowmelt.viz.report import embedded_pictures


def plot():
    return metrics_with_floor([Reading("x", "distance", 3.0, 0.5, 1.0)])


def opened(address: str) -> Image.Image:
    head, _, body = address.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_svg_is_one_element_without_addresses():
    text = str(embedded_pictures.inline_svg(plot(), "one", "words"))
    assert text.startswith("<svg ")
    assert text.rstrip().endswith("</svg>")
    assert "http" not in text
    ET.fromstring(text.replace("<svg ", '<svg xmlns:xlink="x" ', 1))


def test_ids_of_two_figures_never_meet_and_all_references_resolve():
    seen: list[set[str]] = []
    for name in ("one", "two"):
        text = str(embedded_pictures.inline_svg(plot(), name, "words"))
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        used = set(
            re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
        )
        assert used
        assert used <= ids
        seen.append(ids)
    assert not seen[0] & seen[1]


def test_colours_follow_the_page():
    text = str(embedded_pictures.inline_svg(plot(), "one", "words"))
    assert "var(--blue)" in text
    assert "var(--ink)" in text
    for colour in (style.INK, style.BLUE, style.VERMILLION):
        assert f": {colour}" not in text


def test_description_is_escaped():
    text = str(embedded_pictures.inline_svg(plot(), "one", '"><script>alert(1)</script>'))
    assert "<script>" not in text


def test_pictures_are_embedded_as_they_are_unless_too_heavy():
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (10, 12, 3)).astype(np.uint8))
    assert opened(embedded_pictures.picture_address(small)).tobytes() == small.tobytes()
    large = Image.fromarray(rng.integers(0, 256, (900, 600, 3)).astype(np.uint8))
    address = embedded_pictures.picture_address(large)
    assert len(address) <= embedded_pictures.MOST_BYTES * 4 / 3 + 100
    assert opened(address).width < 600
    assert opened(embedded_pictures.png_address(style.image_bytes(large))).width < 600
    content = style.image_bytes(small)
    assert embedded_pictures.png_address(content) == embedded_pictures.data_address(content)
