"""The range of log-SNR that schedules may have."""

from __future__ import annotations

from snowmelt.common.argument_checks import check_rising

LARGEST_LOG_SNR = 80.0  # e^-80 is about 2e-35, which float32 still holds with ease


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
