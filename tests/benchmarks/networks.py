"""The networks that are compared, all of one size, and how each is called.

The widths are chosen so that each has about 1.6 million parameters at 32x32x1; everything
else is as its library ships it. Peers are imported when they are made: each has a process
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

SHAPE = (1, 32, 32)
Call = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Network:
    """A network and its call, `(x: (B, 1, 32, 32), steps of 1000: (B,)) -> as x`."""

    net: nn.Module
    call: Call
    described: str


def lucidrains() -> Network:
    from denoising_diffusion_pytorch import Unet

    net = Unet(dim=24, init_dim=32, dim_mults=(1, 2, 4), channels=SHAPE[0])
    return Network(net, net, "Unet(dim=24, init_dim=32, dim_mults=(1, 2, 4))")


def diffusers() -> Network:
    from diffusers import UNet2DModel

    net = UNet2DModel(
        sample_size=SHAPE[1],
        in_channels=SHAPE[0],
        out_channels=SHAPE[0],
        block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    )
    return Network(
        net, lambda x, t: net(x, t).sample, "UNet2DModel(32, 64, 64), attention at 16x16"
    )


def torchcfm() -> Network:
    from torchcfm.models.unet.unet import UNetModelWrapper

    net = UNetModelWrapper(SHAPE, 32, 2, channel_mult=(1, 2, 2))
    # The U-Net of guided-diffusion, which torchcfm ships; it takes the time first.
    return Network(
        net, lambda x, t: net(t, x), "UNetModel(32, (1, 2, 2)), attention at 16x16"
    )


def azula() -> Network:
    from azula.nn.layers import SineEncoding
    from azula.nn.unet import UNet

    class Conditioned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoding = SineEncoding(64)
            self.unet = UNet(
                *(SHAPE[0], SHAPE[0]),
                hid_channels=(32, 64, 96),
                hid_blocks=(2, 3, 2),
                mod_features=64,
                norm="group",
            )

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return self.unet(x, self.encoding(t / 1000))

    net = Conditioned()
    return Network(net, net, "UNet(32, 64, 96), blocks (2, 3, 2), no attention")


def snowmelt(settings: dict[str, Any]) -> Network:
    from snowmelt.common.instantiate import build
    from snowmelt.nets.net import Net

    net = build(settings, Net, shape=SHAPE, outputs=1, classes=0)
    # Without the loss and the noise around it: for counting and for sampling.
    return Network(net, lambda x, t: net(x, (500.0 - t) / 50.0), described(settings))


def described(settings: dict[str, Any]) -> str:
    """A network of ours in a few words."""
    kind = str(settings["_target_"]).rpartition(".")[2]
    told = ("widths", "blocks", "attention", "patch")
    return ", ".join([kind, *(f"{key} {settings[key]}" for key in told if key in settings)])


PEERS: dict[str, Callable[[], Network]] = {
    "lucidrains": lucidrains,
    "diffusers": diffusers,
    "torchcfm": torchcfm,
    "azula": azula,
}
# Of the peers' size; `--net` names another.
OURS = Path(__file__).parents[2] / "conf" / "net" / "unet_lean.yaml"


def read(file: Path) -> dict[str, Any]:
    """The settings of a network of ours, from a file of `conf/net/`."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def parameters(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def training_flops(network: Network) -> int:
    """Floating-point operations of forward and backward pass, for one image.

    Attention is taken apart for it: a processor's fused kernel is not counted.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    x, t = torch.randn(1, *SHAPE), torch.full((1,), 500.0)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network.call(x, t).square().mean().backward()
    network.net.zero_grad(set_to_none=True)
    return counter.get_total_flops()
