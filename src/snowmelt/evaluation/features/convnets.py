"""Two small convolutional networks with different architectures.

Both halve the resolution while its shorter side is at least 8 pixels, so any size does.
From 24 pixels on the first convolution strides: a minute on one core must do for training.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

_SMALLEST = 8
_LARGE = 24
_WIDEST = 64
_GRID = 4
_HIDDEN = 128


def halvings(height: int, width: int) -> int:
    """How often a picture is halved."""
    shorter, count = min(height, width), 0
    while shorter >= _SMALLEST:
        shorter, count = shorter // 2, count + 1
    return count


def _stem(size: tuple[int, int]) -> tuple[int, int]:
    """Stride and width of the first convolution."""
    return (2, 32) if min(size) >= _LARGE else (1, 16)


class PlainNet(nn.Module):
    """Pairs of convolutions with batch norm and ReLU, max pooling between them.

    Shapes:
        x: (B, C, H, W) -> logits (B, classes)
    """

    def __init__(
        self, channels: int, size: tuple[int, int], classes: int, features: int = 64
    ) -> None:
        super().__init__()
        stride, width = _stem(size)
        conv = partial(_block, kernel=3, stride=1, activation=nn.ReLU)
        layers = [conv(channels, width, stride=stride), conv(width, width)]
        for _ in range(halvings(size[0] // stride, size[1] // stride)):
            wider = min(2 * width, _WIDEST)
            layers += [nn.MaxPool2d(2), conv(width, wider), conv(wider, wider)]
            width = wider
        self.body = nn.Sequential(*layers)
        self.neck = nn.Linear(width, features)
        self.head = nn.Linear(features, classes)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees, (B, features), none of them negative."""
        return F.relu(self.neck(self.body(x).mean(dim=(2, 3))))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class GridNet(nn.Module):
    """Convolutions with SiLU, the first 5x5, and dense layers on a 4x4 grid of the result.

    Shapes:
        x: (B, C, H, W) -> logits (B, classes)
    """

    def __init__(self, channels: int, size: tuple[int, int], classes: int) -> None:
        super().__init__()
        stride, width = _stem(size)
        layers = [_block(channels, width, 5, stride, nn.SiLU)]
        for _ in range(halvings(size[0] // stride, size[1] // stride)):
            wider = min(2 * width, _WIDEST)
            layers += [nn.MaxPool2d(2), _block(width, wider, 3, 1, nn.SiLU)]
            width = wider
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(_GRID))
        self.head = nn.Sequential(
            nn.Linear(width * _GRID**2, _HIDDEN, bias=False),
            nn.BatchNorm1d(_HIDDEN),
            nn.SiLU(),
            nn.Linear(_HIDDEN, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).flatten(1))


def _block(
    inputs: int, outputs: int, kernel: int, stride: int, activation: type[nn.Module]
) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        activation(),
    )
