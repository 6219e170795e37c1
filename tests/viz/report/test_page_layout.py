"""What the page does on a phone, in the dark and on paper, as far as its text shows it."""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image
from tests.viz.report.test_page import usual_page

from snowmelt.viz.plots.image_grid import denoising_strip
from snowmelt.viz.plots.nearest_pairs import nearest_pairs
from snowmelt.viz.style import image_bytes, png_bytes, rgb


def rules(page: str, media: str) -> str:
    """The rules within a query of the style sheet."""
    return page.split(media)[1].split("\n}\n")[0]


def test_protocol_digests_and_configuration_are_in_an_appendix_that_folds():
    body, appendix = usual_page().split('<section class="appendix">')
    assert appendix.lstrip().startswith("<details>")
    for title in ("How the samples were measured", "Reference", "Configuration"):
        assert f"<h2>{title}</h2>" in appendix
        assert f"<h2>{title}</h2>" not in body
    assert "d" * 64 in appendix
    assert ".appendix { display: none; }" in rules(usual_page(), "@media print {")


def test_every_plot_has_a_narrow_version_and_a_caption_of_its_own():
    page = usual_page()
    assert page.count('<div class="plot-narrow">') == page.count('<div class="plot-wide">')
    assert page.count('<div class="plot-wide">') >= 3
    narrow = rules(page, "@media screen and (max-width: 640px) {")
    assert ".plot-wide { display: none; }" in narrow
    training = page.split("<h2>Training</h2>")[1].split("</section>")[0]
    assert re.search(r"<figure>.*<figcaption>.*</figcaption>\s*</figure>", training, re.S)


def test_cells_of_wide_tables_say_on_a_phone_what_they_are():
    page = usual_page()
    metrics = page.split('<table class="stack">')[1].split("</table>")[0]
    head = re.findall(r"<th>(.+?)</th>", metrics)
    assert {"samples", "real data", "difference"} <= set(head)
    for label in ("samples", "real data", "difference"):
        assert f'data-label="{label}"' in metrics


def test_whole_digests_are_folded_wherever_they_stand():
    for digest in ("d" * 64, "s" * 64, "c" * 64):
        assert f"<summary>{digest[:12]}…</summary>{digest}</details>" in usual_page()


def corner_and_middle(content: bytes) -> tuple[int, int]:
    """How opaque both are, 0 to 255."""
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.mode == "RGBA"
        opaque = np.asarray(picture)[..., 3]
    return int(opaque[0, 0]), int(opaque.max())


def test_strips_have_no_paper_of_their_own():
    images = np.full((8, 1, 8, 8), 16, np.uint8)
    strip = denoising_strip(np.stack([images] * 6), np.linspace(1, 0, 6), (0, 16))
    assert corner_and_middle(png_bytes(strip)) == (0, 255)
    arrays = {"pixels_worst": images, "pixels_worst_train": images}
    assert corner_and_middle(image_bytes(nearest_pairs(arrays, (0, 16)))) == (0, 255)
    assert rgb(strip).getpixel((0, 0)) == (255, 255, 255), "on paper elsewhere"
