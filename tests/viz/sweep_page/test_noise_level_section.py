"""At which noise levels a setting is better, in words that hold in every seed."""

from __future__ import annotations

import numpy as np
from tests.viz.sweep_page import swept

from snowmelt.viz.sweep_page.noise_level_section import _levels, noise_levels
from snowmelt.viz.sweep_page.swept_settings import settings_of


def test_sentences_say_where_a_setting_errs_more_or_less() -> None:
    found = noise_levels(settings_of(swept.material()))
    assert found is not None
    assert found.sentences == [
        "linear errs more than cosine at log-SNRs of -8 to 8, in every seed.",
        "sigmoid errs more than cosine at log-SNRs of -8 to 4 and less at log-SNRs of 6 to"
        " 8, in every seed.",
    ]
    assert len(found.figures) == 2


def test_one_setting_is_compared_with_nothing() -> None:
    assert noise_levels(settings_of(swept.material())[:1]) is None


def test_levels_are_told_as_ranges() -> None:
    assert _levels(np.array([2.0])) == "a log-SNR of 2"
    assert (
        _levels(np.array([-8.0, -6.0, -4.0, 2.0, 8.0])) == "log-SNRs of -8 to -4, 2 and 8"
    )
