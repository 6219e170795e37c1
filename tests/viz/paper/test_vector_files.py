"""PDF and SVG: the same bytes each time, vectors for plots and whole pixels for images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from snowmelt.viz.paper.vector_files import save_vectors
from snowmelt.viz.plots.image_grid import side_by_side
from snowmelt.viz.plots.training_curves import schedule_plot


def figures() -> dict[str, Figure | Image.Image]:
    t = np.linspace(0, 1, 8)
    grey = Image.fromarray(np.full((8, 16), 128, np.uint8))
    return {
        "schedule": schedule_plot({"cosine": (t, 5 - 10 * t)}),
        "samples": grey,
        "beside": side_by_side([grey, grey], ["real", "generated"]),
    }


def test_each_figure_is_written_twice_and_alike(tmp_path: Path):
    files = save_vectors(figures(), tmp_path / "a")
    assert [path.name for path in files] == [
        f"{name}.{ending}" for name in figures() for ending in ("pdf", "svg")
    ]
    # Drawn anew: a layout that is drawn twice may settle elsewhere the second time.
    again = save_vectors(figures(), tmp_path / "b")
    for one, two in zip(files, again, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
        head = b"%PDF" if one.suffix == ".pdf" else b"<?xml"
        assert one.read_bytes().startswith(head)
        assert b"CreationDate" not in one.read_bytes()
        assert b"/Type3" not in one.read_bytes(), "no conference takes such fonts"
    assert b"/FontFile2" in files[0].read_bytes()
    assert "<image" not in files[1].read_text()
    assert files[3].read_text().count("<image") == 1
    assert files[5].read_text().count("<image") == 1, "titles and both pictures"
