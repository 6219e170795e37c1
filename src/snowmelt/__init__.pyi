# What `snowmelt/__init__.py` finds by name when it is first asked for, for type checkers
# and editors. A test compares this list with common/public_names.py.
from snowmelt import data as data
from snowmelt import densities as densities
from snowmelt import evaluation as evaluation
from snowmelt import nets as nets
from snowmelt import pipeline as pipeline
from snowmelt import tracking as tracking
from snowmelt import viz as viz
from snowmelt.common import randomness as randomness
from snowmelt.common.instantiate import build as build
from snowmelt.data import starts as starts
from snowmelt.densities import mcmc as mcmc
from snowmelt.diffusion import interpolants as interpolants
from snowmelt.diffusion import losses as losses
from snowmelt.diffusion import operators as operators
from snowmelt.diffusion import predictions as predictions
from snowmelt.diffusion import processes as processes
from snowmelt.diffusion import schedules as schedules
from snowmelt.diffusion import time_sampling as time_sampling
from snowmelt.diffusion.denoiser import Denoiser as Denoiser
from snowmelt.evaluation import features as features
from snowmelt.evaluation import likelihood as likelihood
from snowmelt.evaluation import plane as plane
from snowmelt.sampling import guidance as guidance
from snowmelt.sampling import samplers as samplers
from snowmelt.sampling import trajectories as trajectories
from snowmelt.sampling.samplers import grids as grids
from snowmelt.sampling.samplers import sample as sample
from snowmelt.sampling.samplers import thresholds as thresholds
from snowmelt.training import couplings as couplings
from snowmelt.training import optimizers as optimizers
from snowmelt.training.checkpoint import Checkpoint as Checkpoint
from snowmelt.training.checkpoint import load as load

__version__: str
