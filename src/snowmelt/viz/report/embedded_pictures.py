"""Pictures inside the page: inline SVG that follows the page's colours, PNG, GIF."""

from __future__ import annotations

import base64
import io
import re

from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

from snowmelt.viz import style
from snowmelt.viz.report.narrow_panels import stacked_panels
from snowmelt.viz.style import image_bytes, svg_text

# Of one embedded picture, so that the page stays light to send. A strip of 64x64 images in
# colour needs most of it, since noise cannot be packed.
MOST_BYTES = 900_000
LIGHT_BYTES = 110_000  # of a plot, which is left as it is

# Colours of the figures and the variables of the page that stand for them.
VARIABLES = {
    style.INK: "--ink",
    style.MUTED: "--muted",
    style.RULE: "--rule",
    style.PAPER: "--paper",
    style.BLUE: "--blue",
    style.VERMILLION: "--vermillion",
    style.GREEN: "--green",
    style.SKY: "--sky",
}


def inline_svg(figure: Figure, name: str, description: str) -> Markup:
    """A figure as an `<svg>` element that turns dark with the page.

    Args:
        figure: what to draw.
        name: unlike that of any other figure of the page; all ids begin with it.
        description: what a person who cannot see it should know.
    """
    text = svg_text(figure)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'\bhref="#', f'href="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    for colour, variable in VARIABLES.items():
        text = text.replace(f": {colour}", f": var({variable})")
    about = f'class="plot" role="img" aria-label="{escape(description)}"'
    opening = re.compile(r'<svg[^>]*?(viewBox="[^"]*")[^>]*>')
    # Safe as markup: matplotlib draws every text as paths, and the label is escaped.
    return Markup(opening.sub(lambda found: f"<svg {about} {found[1]}>", text, count=1))


def inline_plot(figure: Figure, name: str, description: str) -> Markup:
    """A figure as it is for a wide page, and with its panels stacked for a narrow one.

    The style sheet of the page shows one of the two. The figure is changed.
    """
    wide = inline_svg(figure, name, description)
    narrow = inline_svg(stacked_panels(figure), f"{name}-narrow", description)
    both = Markup('<div class="plot-wide">{}</div><div class="plot-narrow">{}</div>')
    return both.format(wide, narrow)


def data_address(content: bytes, kind: str = "png") -> str:
    """Bytes of a picture as an address that needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def picture_address(picture: Image.Image) -> str:
    """A picture as PNG, made smaller until it is no more than `MOST_BYTES`."""
    content = image_bytes(picture)
    while len(content) > MOST_BYTES:
        share = max(0.5, min(0.9, (MOST_BYTES / len(content)) ** 0.5))
        size = (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        content = image_bytes(picture)
    return data_address(content)


def png_address(content: bytes) -> str:
    """PNG bytes as they are, or made smaller where they are too many."""
    if len(content) <= MOST_BYTES:
        return data_address(content)
    picture = Image.open(io.BytesIO(content))
    return picture_address(picture.convert("RGBA" if "A" in picture.mode else "RGB"))


def plot_address(content: bytes) -> str:
    """A plot in PNG bytes, with a palette, which holds its few colours in a third."""
    if len(content) <= LIGHT_BYTES:
        return data_address(content)
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    few = image_bytes(picture.quantize(256, dither=Image.Dither.NONE))
    return data_address(few) if len(few) <= MOST_BYTES else picture_address(picture)
