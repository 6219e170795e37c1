"""The known density that prepared data was drawn from, if there is one."""

from __future__ import annotations

from pathlib import Path

import torch

from snowmelt.common.instantiate import build
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.sources.source import Source
from snowmelt.densities.exact import Perturbable


def known_density(
    manifest: Manifest, root: Path = Path(), scaled_by: Manifest | None = None
) -> Perturbable | None:
    r"""The density of the data as the model sees it; None where nobody knows it.

    The source says which density its examples are independent draws of. The model sees them
    centred and divided by one scale, $x = (y - m) / s$, whose density is
    $s^D\,q(m + s\,x)$. Its logarithm is in nats for the model's unit of length; to tell
    $-\log q$ in the data's own, add $D \log s$.

    Args:
        manifest: of the prepared data, which says what it was made from and how it is
            scaled. Images have no known density, nor has data of no known source.
        root: what the path of a picture file is relative to.
        scaled_by: the manifest of the data whose centre and scale are the model's, where
            that is other data, as of a start; None: its own.

    Raises:
        UserError: the source that the manifest names is refused.
    """
    scale = scaled_by or manifest
    if scale.mean is None or scale.std is None or "_target_" not in manifest.config:
        return None
    density = build(manifest.config, Source, root=root).density()
    if density is None:
        return None
    mean = torch.tensor(scale.mean, dtype=torch.float64)
    return density.standardised(mean, scale.std)
