"""Feature extractors and the distances between sets of features.

Whether samples look like the data is asked of features: numbers that an extractor reads off
one example. An `Extractor` is chosen by `features=`; `distances` compares two sets of
features; `reference` keeps what the real data gave; `measures` puts samples beside it;
`protocol` says how.
"""

from snowmelt.evaluation.features.classifier import Classifier
from snowmelt.evaluation.features.coordinates import Coordinates
from snowmelt.evaluation.features.extractor import Extractor
from snowmelt.evaluation.features.inception import Inception
from snowmelt.evaluation.features.independent_classifier import Judge
from snowmelt.evaluation.features.random_conv import RandomConv

__all__ = [
    "Classifier",
    "Coordinates",
    "Extractor",
    "Inception",
    "Judge",
    "RandomConv",
]
