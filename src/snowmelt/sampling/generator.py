"""The generator of samples: a request, with its network on a device."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_stored
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling import network_numbers
from snowmelt.sampling.guidance.guidance import Draw
from snowmelt.sampling.sample_request import SampleRequest
from snowmelt.sampling.samplers.sampler import Watcher


@dataclass(frozen=True, eq=False)
class Generator:
    """Draws the samples of a request, each a function of its index.

    Attributes:
        denoiser: its network computes in the numbers of the request.
        compiled: the same with a compiled network, for batches of one size; None for none.
    """

    request: SampleRequest
    denoiser: Denoiser
    compiled: Denoiser | None = None

    @classmethod
    def on(cls, device: torch.device, request: SampleRequest) -> Generator:
        """The generator of a request, its network on a device.

        Raises:
            UserError: the checkpoint has no such weights, or the device no such numbers.
        """
        precision = request.precision
        network_numbers.check(precision, device)
        checkpoint = request.checkpoint
        plain = checkpoint.denoiser(request.weights, request.starts).to(device)
        compiled = None
        if request.compile:
            compiled = network_numbers.computing(plain, precision, is_compiled=True)
        return cls(request, network_numbers.computing(plain, precision), compiled)

    def uncompiled(self) -> Generator:
        """The same for batches of any size; its samples agree to rounding."""
        return replace(self, compiled=None)

    @property
    def device(self) -> torch.device:
        """Where the network stands."""
        return next(self.denoiser.parameters()).device

    @property
    def manifest(self) -> Manifest:
        """Of the data that the network was trained on."""
        return self.request.checkpoint.manifest

    def draw(self, index: Tensor, watch: Watcher | None = None) -> NDArray:
        """Samples as they are stored. Shapes: index: (B,) -> (B, *D)"""
        request = self.request
        asked = Draw(
            self.compiled or self.denoiser,
            request.sampler,
            index,
            request.conditioning,
            seed=request.seed,
            watch=watch,
        )
        return self.stored(request.guidance.draw(asked))

    def stored(self, x: Tensor) -> NDArray:
        """Values of the model as they are stored. Shapes: (*, *D) -> (*, *D)"""
        return to_stored(x, self.manifest).cpu().numpy()
