"""Classes in words and in a picture: what is named, and what chance explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.viz.report.test_page import material

from snowmelt.evaluation.class_evaluation import COLUMNS
from snowmelt.evaluation.metrics.class_limits import Chance
from snowmelt.viz.plots.class_shares import MOST, class_shares, shown
from snowmelt.viz.report.class_section import sentences
from snowmelt.viz.report.page import render


def columns(samples: tuple[int, ...], due: list[float]) -> dict[str, np.ndarray]:
    total, size = sum(samples), len(samples)
    rows = {name: np.full(size, np.nan) for name in COLUMNS}
    chance = [Chance.of_draws(total, share, 0.0) for share in due]
    limits = np.array([one.limits(size) for one in chance])
    return rows | {
        "class": np.array([f"c{i}" for i in range(size)]),
        "samples": np.array(samples, float),
        "share": np.array(samples) / total,
        "expected_share": np.array(due),
        "expected_share_se": np.zeros(size),
        "chance_low": limits[:, 0],
        "chance_high": limits[:, 1],
        "visible_deviation": np.array([one.visible(size) for one in chance]),
    }


def test_a_rare_class_is_named_and_chance_is_not() -> None:
    (said,) = sentences(columns((400, 400, 200), [1 / 3, 1 / 3, 1 / 3]))
    assert "c2 (20.0 % where 33.3 % are due)" in said
    (said,) = sentences(columns((340, 330, 330), [1 / 3, 1 / 3, 1 / 3]))
    assert "No class comes more or less often than chance explains" in said
    assert "would have shown four times out of five; a smaller deviation may be" in said
    assert "never comes" not in said


def test_a_limit_is_no_news_and_the_count_beyond_it_is() -> None:
    """Of 100 even classes among 100 samples six may be of one, and none of another."""
    for most, is_named in ((6, False), (7, True)):
        counts = [most, *[1] * 99]
        counts[-most + 1 :] = [0] * (most - 1)
        (said,) = sentences(columns(tuple(counts), [0.01] * 100))
        assert (f"c0 ({most}.0 % where 1.0 % are due)" in said) == is_named
        if not is_named:
            assert "and so may one that never comes" in said


def test_without_limits_nothing_is_said() -> None:
    table = columns((400, 400, 200), [1 / 3, 1 / 3, 1 / 3])
    assert sentences(table | {"chance_low": np.full(3, np.nan)}) == []


@pytest.mark.parametrize(("classes", "total"), [(10, 1000), (100, 1000), (100, 100)])
def test_all_classes_together_are_wrong_one_time_in_twenty(
    classes: int, total: int
) -> None:
    random = np.random.default_rng(0)
    due = [1 / classes] * classes
    table = columns((total, *[0] * (classes - 1)), due)
    drawn = random.multinomial(total, due, 400)
    wrong = np.mean(
        ["where" in sentences(table | {"share": counts / total})[0] for counts in drawn]
    )
    assert 0.0 < wrong < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_many_classes_are_drawn_as_far_as_there_is_room(tmp_path: Path) -> None:
    many = columns((10,) * 59 + (90,), [1 / 60] * 60)
    rows = shown(many)
    assert len(rows) == MOST
    assert 59 in rows
    figure = class_shares(many)
    assert len(figure.axes) == 1
    figure.savefig(tmp_path / "classes.png")


def test_the_page_has_a_section_for_them() -> None:
    assert "By class" not in render(material())
    table = columns((400, 400, 200), [1 / 3, 1 / 3, 1 / 3])
    table |= {"distance": np.array([0.1, 0.2, np.nan]), "n": np.array([400.0, 400.0, 9.0])}
    table["share_low"], table["share_high"] = table["share"] - 0.01, table["share"] + 0.01
    page = render(material(by_class=table))
    assert "<h2>By class</h2>" in page
    assert "c2 (20.0 % where 33.3 % are due)" in page
    assert "40.0 % (39.0 to 41.0)" in page
    assert "too few (9)" in page
    assert "as asked" not in page
    table["agreement"] = table["agreement_real"] = np.array([0.9, 0.8, 0.7])
    assert "90.0 % (real: 90.0 %)" in render(material(by_class=table))


def test_a_name_is_text_and_no_markup() -> None:
    table = columns((10, 10), [0.5, 0.5]) | {"class": np.array(["<b>$x$", "other"])}
    page = render(material(by_class=table))
    assert "&lt;b&gt;$x$" in page
    assert "<b>$x$" not in page
