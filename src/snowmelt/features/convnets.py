"""Two small convolutional networks that are as unlike each other as may be.

Both halve the resolution while its shorter side is at least 8 pixels, so any size does.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_SMALLEST = 8
_LARGE = 48
_WIDTH = 16
_WIDEST = 64


def halvings(height: int, width: int) -> int:
    """How often a picture is halved."""
    shorter, count = min(height, width), 0
    while shorter >= _SMALLEST:
        shorter, count = shorter // 2, count + 1
    return count


class PlainNet(nn.Module):
    """Pairs of convolutions with batch norm and ReLU, max pooling between them.

    Shapes:
        x: (B, C, H, W) -> logits (B, classes)
    """

    def __init__(
        self, channels: int, size: tuple[int, int], classes: int, features: int = 64
    ) -> None:
        super().__init__()
        stride = 2 if min(size) >= _LARGE else 1
        width = _WIDTH
        layers = [_conv(channels, width, stride), _conv(width, width)]
        for _ in range(halvings(size[0] // stride, size[1] // stride)):
            wider = min(2 * width, _WIDEST)
            layers += [nn.MaxPool2d(2), _conv(width, wider), _conv(wider, wider)]
            width = wider
        self.body = nn.Sequential(*layers)
        self.neck = nn.Linear(width, features)
        self.head = nn.Linear(features, classes)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees, (B, features), none of them negative."""
        return F.relu(self.neck(self.body(x).mean(dim=(2, 3))))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class ResidualNet(nn.Module):
    """Residual blocks that are normalised first, SiLU, strides, a coarse grid at the end.

    Shapes:
        x: (B, C, H, W) -> logits (B, classes)
    """

    def __init__(self, channels: int, size: tuple[int, int], classes: int) -> None:
        super().__init__()
        stride = 2 if min(size) >= _LARGE else 1
        width = _WIDTH
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 5, stride, 2, bias=False)
        ]
        for _ in range(halvings(size[0] // stride, size[1] // stride)):
            wider = min(2 * width, _WIDEST)
            layers.append(_Residual(width, wider))
            width = wider
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(width), nn.SiLU())
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.body(x)).flatten(1))


class _Residual(nn.Module):
    """Halves the resolution: a strided 1x1 convolution beside two 3x3 ones."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.conv_2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.skip = nn.Conv2d(inputs, outputs, 1, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.norm_1(x))
        return self.skip(x) + self.conv_2(F.silu(self.norm_2(self.conv_1(x))))
