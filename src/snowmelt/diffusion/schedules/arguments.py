"""Checks of a schedule's arguments; each error names the argument and its value."""

from __future__ import annotations

import math

LARGEST_LOG_SNR = 80.0  # e^-80 is about 2e-35, which float32 still holds with ease


def check_positive(**arguments: float) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")


def check_between_0_and_1(**arguments: float) -> None:
    """Refuse what does not lie strictly between 0 and 1.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}")


def check_rising(**arguments: float) -> None:
    """Refuse two arguments of which the second does not lie above the first.

    Raises:
        ValueError: naming both.
    """
    (low_name, low), (high_name, high) = arguments.items()
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            f"{high_name} must lie above {low_name}, both finite, got"
            f" {low_name}={low}, {high_name}={high}"
        )


def check_log_snr_ends(log_snr_max: float, log_snr_min: float) -> None:
    """Refuse ends that are out of order, or beyond what float32 can tell from infinity.

    Raises:
        ValueError: naming both.
    """
    check_rising(log_snr_min=log_snr_min, log_snr_max=log_snr_max)
    if max(abs(log_snr_max), abs(log_snr_min)) > LARGEST_LOG_SNR:
        raise ValueError(
            f"log_snr_max and log_snr_min must lie within +-{LARGEST_LOG_SNR:g}, got"
            f" {log_snr_max} and {log_snr_min}"
        )


def check_count(least: int = 1, **arguments: int) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        ValueError: naming the first such argument.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number from {least} up, got {value}")
