"""Embeddings of the noise level."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class LogSNREmbedding(nn.Module):
    r"""Sines and cosines of the log-SNR, then two layers.

    The wavelengths grow geometrically from about one unit of log-SNR, within which a
    denoiser changes little, to several times the range that schedules span.

    Args:
        width: length of the embedding; even.

    Shapes:
        log_snr: (B,) -> (B, width)

    References:
        Vaswani et al. (2017), arXiv:1706.03762, section 3.5, with the log-SNR for position.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width < 2 or width % 2:
            raise ValueError(f"embedding must be a positive even number, got {width}")
        half = torch.arange(width // 2) / max(width // 2 - 1, 1)
        frequencies = 2 * math.pi / (1.0 * 100.0**half)
        self.register_buffer("frequencies", frequencies.float(), persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )

    def forward(self, log_snr: Tensor) -> Tensor:
        angle = log_snr[:, None] * self.get_buffer("frequencies")
        return self.layers(torch.cat((angle.sin(), angle.cos()), dim=1))


class LevelEmbedding(nn.Module):
    """The embedding of the noise level, plus that of the class where there are classes.

    Args:
        width: length of the embedding; even.
        classes: how many classes there are; 0: labels are refused.

    Shapes:
        log_snr: (B,), labels: (B,) int64, -1 for the null class -> (B, width)

    Raises:
        ValueError: labels for a network that has no classes.
    """

    def __init__(self, width: int, classes: int = 0) -> None:
        super().__init__()
        if classes < 0:
            raise ValueError(f"classes must not be negative, got {classes}")
        self.log_snr = LogSNREmbedding(width)
        # One more than there are classes: the last one is the null class.
        self.classes = nn.Embedding(classes + 1, width) if classes else None

    def forward(self, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = self.log_snr(log_snr)
        if self.classes is None:
            if labels is not None:
                raise ValueError("labels were given to a network that has no classes")
            return level
        null = self.classes.num_embeddings - 1
        if labels is None:
            labels = torch.full(log_snr.shape, -1, device=log_snr.device)
        return level + self.classes(torch.where(labels < 0, null, labels))
