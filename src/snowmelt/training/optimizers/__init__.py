"""Optimisers that a configuration chooses: `optimizer=adamw`, `muon`, `soap`."""

from snowmelt.training.optimizers.adamw import AdamW
from snowmelt.training.optimizers.muon import Muon
from snowmelt.training.optimizers.recipe import Recipe, Trained
from snowmelt.training.optimizers.soap import SOAP

__all__ = ["SOAP", "AdamW", "Muon", "Recipe", "Trained"]
