"""Features of the Inception network, on which a Frechet distance is known as FID."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snowmelt.common.errors import UserError
from snowmelt.common.places import Place, located
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_unit
from snowmelt.evaluation.features import inception_weights, weight_files
from snowmelt.evaluation.features.extractor import AGAIN, Extractor

LAYER = "2048"
_PART = 4096  # rows of features at once


class Inception(Extractor):
    """The last pooling layer of torch-fidelity's InceptionV3.

    Stored levels become 0..255, one channel is repeated to three, and the network itself
    resizes to 299x299. Only with the standard weights, recognised by their digest, do the
    distances carry the names FID and KID.

    Args:
        manifest: of the data: images with one or three channels.
        weights: a file in torch-fidelity's format; None for the standard one, see
            `inception_weights.read`.

    References:
        Szegedy et al. (2015), arXiv:1512.00567; the conversion of Heusel et al. (2017).
    """

    name = "inception"
    resize = "299x299, bilinear as in TensorFlow 1 (torch-fidelity), not antialiased"
    batch = 32
    is_small = False  # some ten images a second on two cores

    def __init__(self, manifest: Manifest, *, weights: Place | None) -> None:
        super().__init__(manifest)
        if manifest.shape[0] not in (1, 3):
            raise UserError(
                f"features=inception reads images with 1 or 3 channels, the data"
                f" '{manifest.name}' has {manifest.shape[0]}: choose features=random_conv"
            )
        self.weights = weights
        self.content = b""
        self.net: nn.Module = nn.Identity()

    @property
    def dimension(self) -> int:
        return int(LAYER)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def is_standard_inception(self) -> bool:
        return inception_weights.is_standard(self.content)

    @classmethod
    def find_files(cls, settings: Mapping[str, Any], root: Path) -> list[Path]:
        return [inception_weights.find(settings.get("weights"), root)]

    def fit(self, data: PreparedData, root: Path) -> dict[str, float]:
        content = inception_weights.read(self.weights, root)
        given = self.weights and str(located(root, self.weights))
        self._become(content, given or inception_weights.FILE, "give another file")
        return {}

    def save(self, path: Path) -> None:
        """Keep the very file, so that its digest still says what it is."""
        path.write_bytes(self.content)

    def load(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"{path} is missing: {AGAIN}")
        self._become(path.read_bytes(), str(path), AGAIN)

    def _become(self, content: bytes, name: str, remedy: str) -> None:
        """Build the network from the bytes of a file.

        torch-fidelity loads the file that it is given as a pickle, which runs whatever is
        in it. So the tensors are read safely here and handed on in bytes of our own.
        """
        # Here, since it takes seconds, and every command looks at this class's signature.
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        state = weight_files.read(io.BytesIO(content), name=name, remedy=remedy)
        ours = io.BytesIO()
        torch.save(state, ours)
        ours.seek(0)
        try:
            self.net = FeatureExtractorInceptionV3(
                "inception", [LAYER], feature_extractor_weights_path=ours
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(
                f"{name} does not hold torch-fidelity's InceptionV3 ({reason}): {remedy}"
            ) from error
        self.content = content

    def class_logits(self, features: np.ndarray) -> np.ndarray:
        """Those of the last layer without its bias, as the Inception score takes them."""
        weight = self.net.get_parameter("fc.weight").detach().cpu()
        starts = range(0, len(features), _PART)
        # Copies: torch does not take read-only arrays.
        parts = (torch.from_numpy(np.array(features[k : k + _PART])) for k in starts)
        return np.concatenate([part.mm(weight.T).numpy() for part in parts])

    def forward(self, stored: Tensor) -> Tensor:
        levels = torch.round(255 * to_unit(stored, self.manifest)).to(torch.uint8)
        return self.net(levels.expand(-1, 3, -1, -1))[0]
