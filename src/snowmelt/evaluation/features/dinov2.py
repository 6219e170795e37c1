"""Features of DINOv2, which was trained on pictures of all kinds without labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snowmelt.common.errors import UserError
from snowmelt.common.places import Place, located
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_unit
from snowmelt.evaluation.features import weight_files
from snowmelt.evaluation.features.extractor import AGAIN, Extractor
from snowmelt.evaluation.features.inception_weights import DOWNLOADS
from snowmelt.evaluation.features.vision_transformer import VisionTransformer

FILE = "dinov2_vits14_pretrain.pth"
URL = f"https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/{FILE}"
SIDE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class DINOv2(Extractor):
    """The class token of DINOv2, without its head.

    Stored levels become 0..255, one channel is repeated to three; the picture is resized
    and normalised as torch-fidelity's `dinov2-vit-s-14` does. The weights are a file of the
    release (ViT-S/14, B/14 or L/14, without registers). It is never fetched from here: the
    authors publish no digest that it could be verified by.

    Args:
        manifest: of the data: images with one or three channels.
        weights: the file; None for `dinov2_vits14_pretrain.pth` in data/downloads or in
            the cache of torch's hub.

    References:
        Oquab et al. (2023), arXiv:2304.07193;
        Stein et al. (2023), arXiv:2306.04675 (why its distances agree with people).
    """

    name = "dinov2"
    resize = "224x224, bilinear as in TensorFlow 1 (torch-fidelity), not antialiased"
    batch = 32
    is_small = False

    def __init__(self, manifest: Manifest, *, weights: Place | None) -> None:
        super().__init__(manifest)
        if manifest.shape[0] not in (1, 3):
            raise UserError(
                f"features=dinov2 reads images with 1 or 3 channels, the data"
                f" '{manifest.name}' has {manifest.shape[0]}: choose features=random_conv"
            )
        self.weights = weights
        self.net: nn.Module = nn.Identity()

    @property
    def dimension(self) -> int:
        return self.net.get_parameter("cls_token").shape[-1]

    @classmethod
    def find_files(cls, settings: Mapping[str, Any], root: Path) -> list[Path]:
        return [_found(settings.get("weights"), root)]

    def fit(self, data: PreparedData, root: Path) -> dict[str, float]:
        path = _found(self.weights, root)
        # The release may be of an older torch, whose files are no archives.
        with path.open("rb") as stream:
            self._become(stream, str(path), "give another file by features.weights=PATH")
        return {}

    def save(self, path: Path) -> None:
        weight_files.save(self.net, path)

    def load(self, path: Path) -> None:
        self._become(path, str(path), AGAIN)

    def _become(self, source: weight_files.Source, name: str, remedy: str) -> None:
        """Build the network that a file of weights belongs to."""
        state = weight_files.read(source, name=name, remedy=remedy)
        try:
            net = VisionTransformer.of(state)
        except ValueError as error:
            raise UserError(
                f"{name} does not hold the weights of DINOv2 ({error}): {remedy}"
            ) from error
        self.net = net.eval().requires_grad_(False)

    def forward(self, stored: Tensor) -> Tensor:
        # Here, since it takes seconds, and every command looks at this class's signature.
        from torch_fidelity.interpolate_compat_tensorflow import (
            interpolate_bilinear_2d_like_tensorflow1x as resized,
        )

        levels = torch.round(255 * to_unit(stored, self.manifest)).expand(-1, 3, -1, -1)
        x = resized(levels, size=(SIDE, SIDE), align_corners=False)
        mean, std = (255 * x.new_tensor(of)[:, None, None] for of in (MEAN, STD))
        found: Tensor = self.net((x - mean) / std)
        return found


def _found(weights: str | None, root: Path) -> Path:
    """The file of weights.

    Raises:
        UserError: it is not there.
    """
    if weights is not None:
        named = located(root, weights)
        if not named.is_file():
            wrong = "is a folder" if named.is_dir() else "does not exist"
            raise UserError(
                f"features.weights: {named} {wrong}; give a file such as {FILE}"
            )
        return named
    for folder in (root / DOWNLOADS, Path(torch.hub.get_dir()) / "checkpoints"):
        if (folder / FILE).is_file():
            return folder / FILE
    raise UserError(
        f"features=dinov2 needs {FILE}, which is not on this machine: download it from"
        f" {URL} and put it into {root / DOWNLOADS}, name it by features.weights=PATH, or"
        " choose features=classifier (needs labels) or features=random_conv"
    )
