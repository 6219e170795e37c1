"""Guidance: samples of a class, or completions of what is observed of an example."""

from snowmelt.diffusion.operators import Blur, Downsample, Gray
from snowmelt.sampling.guidance.classifier_free import ClassifierFreeGuidance
from snowmelt.sampling.guidance.ddim_inversion import Inversion
from snowmelt.sampling.guidance.guidance import Guidance, Unguided
from snowmelt.sampling.guidance.inpainting import Inpainting
from snowmelt.sampling.guidance.masks import Box, Keep, Scattered, Side
from snowmelt.sampling.guidance.measurement import Measurement

__all__ = [
    "Blur",
    "Box",
    "ClassifierFreeGuidance",
    "Downsample",
    "Gray",
    "Guidance",
    "Inpainting",
    "Inversion",
    "Keep",
    "Measurement",
    "Scattered",
    "Side",
    "Unguided",
]
