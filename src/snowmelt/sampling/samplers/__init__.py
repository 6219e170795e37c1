"""Samplers, which generate data from noise: one family a file, one loop for all."""

from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.ancestral_variances import FixedLarge, FixedSmall, Learned
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.deis import DEIS
from snowmelt.sampling.samplers.dpm import DPM
from snowmelt.sampling.samplers.edm import EDM
from snowmelt.sampling.samplers.inversion import round_trip
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Euler, Heun
from snowmelt.sampling.samplers.pndm import PNDM
from snowmelt.sampling.samplers.predictor_corrector import (
    MeanLengths,
    OwnLengths,
    PredictorCorrector,
)
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.sampling.samplers.unipc import UniPC

__all__ = [
    "DDIM",
    "DEIS",
    "DPM",
    "EDM",
    "PNDM",
    "Adaptive",
    "Euler",
    "EulerMaruyama",
    "FixedLarge",
    "FixedSmall",
    "Heun",
    "Learned",
    "MeanLengths",
    "OwnLengths",
    "PredictorCorrector",
    "Sampler",
    "UniPC",
    "round_trip",
    "sample",
]
