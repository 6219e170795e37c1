"""Networks, one a file; `conf/net/` names them."""

from snowmelt.nets.dit import DiT
from snowmelt.nets.mlp import MLP
from snowmelt.nets.net import Net
from snowmelt.nets.unet import UNet

__all__ = [
    "MLP",
    "DiT",
    "Net",
    "UNet",
]
