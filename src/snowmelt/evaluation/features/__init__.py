"""Feature extractors, which map an example to a vector of features.

Metrics compare samples with data by their features. `features=` chooses an `Extractor`;
`IndependentClassifier` recognises the classes of samples apart from it.
"""

from snowmelt.evaluation.features.classifier import Classifier
from snowmelt.evaluation.features.coordinates import Coordinates
from snowmelt.evaluation.features.dinov2 import DINOv2
from snowmelt.evaluation.features.extractor import Extractor
from snowmelt.evaluation.features.inception import Inception
from snowmelt.evaluation.features.independent_classifier import IndependentClassifier
from snowmelt.evaluation.features.random_conv import RandomConv

__all__ = [
    "Classifier",
    "Coordinates",
    "DINOv2",
    "Extractor",
    "Inception",
    "IndependentClassifier",
    "RandomConv",
]
