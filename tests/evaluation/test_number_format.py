from __future__ import annotations

import pytest

from snowmelt.evaluation import number_format


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (1438, "1,438"),
        (12345.6, "12,346"),
        (56.78, "56.8"),
        (3.2146, "3.21"),
        (0.97, "0.970"),
        (0.0123, "0.0123"),
        (0.00213, "0.00213"),
        (-0.00213, "-0.00213"),
        (0.000021, "2.1e-05"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_number(value: float, text: str):
    assert number_format.number(value) == text


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (3.2146, 0.287, "3.21 ± 0.29"),
        (3.2146, 0.0287, "3.215 ± 0.029"),
        (1234.5, 67.0, "1,234 ± 67"),
        (0.00213, 0.0004, "0.00213 ± 0.00040"),
        (3.2146, None, "3.21"),
        (3.2146, 0.0, "3.21"),
        (2e-5, 1e-5, "2.0e-05 ± 1.0e-05"),
    ],
)
def test_spread_sets_the_decimals(value: float, spread: float | None, text: str):
    assert number_format.with_spread(value, spread) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (12.3, "12 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_duration(seconds: float, text: str):
    assert number_format.duration(seconds) == text


def test_percent():
    assert number_format.percent(0.9118) == "91.2 %"
