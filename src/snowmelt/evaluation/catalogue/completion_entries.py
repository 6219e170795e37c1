"""The metrics of completed examples, in the order of the report."""

from __future__ import annotations

from functools import partial

from snowmelt.evaluation import answered_examples, completed_examples
from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric, Subject

_of_completions = partial(Metric, subject=Subject.COMPLETIONS, floor="real")
_answered = partial(_of_completions, applies=answered_examples.is_measured)
_of_windows = partial(_of_completions, applies=answered_examples.fits_window)
RANGE = "the range of images"
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
    _answered(
        "psnr", "peak signal-to-noise ratio to the example",
        answered_examples.psnr, better=HIGHER, remark=ANOTHER, unit="dB",
    ),
    _answered(
        "given_psnr", "the same of what was given", answered_examples.given_psnr,
        floor=None, unit="dB", better="what a sample has to add to",
    ),
    _of_windows(
        "ssim", "structural similarity to the example",
        answered_examples.ssim, better=HIGHER, remark=ANOTHER,
    ),
    _of_windows(
        "given_ssim", "the same of what was given", answered_examples.given_ssim,
        floor=None, better="what a sample has to add to",
    ),
    _answered(
        "measurement_error", "difference from what was measured",
        answered_examples.measurement_error, better=LOWER, remark=ANOTHER, unit=RANGE,
    ),
    _answered(
        "answer_spread", "standard deviation among the answers to one example",
        answered_examples.answer_spread, floor=None, unit=RANGE,
        better="the error over the root of 2: as varied as the originals",
    ),
    Metric(
        "completion_frechet_distance", "Frechet distance of the completions ({features})",
        answered_examples.frechet, Subject.COMPLETIONS, better=LOWER, floor="floor",
        applies=answered_examples.is_completed,
    ),
)  # fmt: skip
