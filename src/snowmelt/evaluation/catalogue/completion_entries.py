"""The metrics of completed examples, in the order of the report."""

from __future__ import annotations

from functools import partial

from snowmelt.evaluation import completed_examples
from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric, Subject

_of_completions = partial(Metric, subject=Subject.COMPLETIONS, floor="real")
ANOTHER = "real data: another held-out example in its place"

COMPLETION_METRICS = (
    _of_completions(
        "completion_error", "root of the mean squared difference from the example",
        completed_examples.error, better=LOWER, remark=ANOTHER, ranks=True,
        unit="the range of images, or the scale of points",
    ),
    _of_completions(
        "completion_feature_distance", "distance from the example ({features})",
        completed_examples.feature_distance, better=LOWER, remark=ANOTHER,
    ),
    _of_completions(
        "completion_class_share", "classified as the class of the example",
        completed_examples.same_class, better=HIGHER, is_share=True,
        remark="real data: the examples themselves",
    ),
)  # fmt: skip
