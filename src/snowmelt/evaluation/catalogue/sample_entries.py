"""The metrics of samples, in the order in which the report tells them."""

from __future__ import annotations

from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric
from snowmelt.evaluation.metrics import (
    class_recognition,
    feature_distances,
    memorisation,
    mode_balance,
    paired_sets,
    two_sample_test,
)
from snowmelt.evaluation.metrics.sample_metrics import Examples

TRAINING_SCALE = "the scale of the training split"


def _is_points(examples: Examples) -> bool:
    return examples.context.is_points


def _has_modes(examples: Examples) -> bool:
    return examples.context.has_modes


def _is_standard(examples: Examples) -> bool:
    """Whether the features are those of the standard Inception network."""
    return examples.context.reference.extractor.is_standard_inception


def _is_not_standard(examples: Examples) -> bool:
    return not _is_standard(examples)


SAMPLE_METRICS = (
    Metric(
        "fid",
        "FID",
        feature_distances.frechet,
        better=LOWER,
        floor="floor",
        applies=_is_standard,
        ranks=True,
    ),
    Metric(
        "wasserstein_2",
        "Wasserstein distance W2 ({features})",
        paired_sets.wasserstein_2,
        unit=TRAINING_SCALE,
        better=LOWER,
        floor="floor",
        applies=_is_points,
        ranks=True,
        is_over_sets=True,
    ),
    Metric(
        "sliced_wasserstein_2",
        "sliced Wasserstein distance",
        paired_sets.sliced_wasserstein_2,
        unit=TRAINING_SCALE,
        better=LOWER,
        floor="floor",
        applies=_is_points,
        is_over_sets=True,
    ),
    Metric(
        "two_sample_accuracy",
        "accuracy of the classifier two-sample test (nearest neighbours)",
        two_sample_test.against_train,
        better="one half: samples cannot be told from real points; 100 %: always",
        floor="floor",
        is_share=True,
        applies=_is_points,
    ),
    Metric(
        "mode_deviation",
        "largest deviation of a mode's share",
        mode_balance.mode_deviation,
        better=LOWER,
        floor="floor",
        applies=_has_modes,
    ),
    Metric(
        "mode_chi_square",
        "chi-square of the modes' shares, by degree of freedom",
        mode_balance.mode_chi_square,
        better="about 1: chance alone; grows with the count",
        floor="floor",
        applies=_has_modes,
    ),
    Metric(
        "mode_coverage",
        "modes with a tenth of their share or more",
        mode_balance.mode_coverage,
        better=HIGHER,
        floor="floor",
        is_share=True,
        applies=_has_modes,
    ),
    Metric(
        "energy_distance",
        "energy distance",
        paired_sets.energy_distance,
        unit=TRAINING_SCALE,
        better=LOWER,
        remark="unbiased",
        floor="floor",
        applies=_is_points,
        is_over_sets=True,
    ),
    Metric(
        "squared_mmd",
        "squared maximum mean discrepancy (Gaussians)",
        paired_sets.squared_mmd,
        better=LOWER,
        remark="unbiased",
        floor="floor",
        applies=_is_points,
        is_over_sets=True,
    ),
    Metric(
        "frechet_distance",
        "Frechet distance ({features})",
        feature_distances.frechet,
        better=LOWER,
        floor="floor",
        applies=_is_not_standard,
        ranks=True,
    ),
    Metric(
        "kid",
        "KID",
        feature_distances.kernel,
        better=LOWER,
        floor="floor",
        applies=_is_standard,
        ranks=True,
    ),
    Metric(
        "kernel_distance",
        "kernel distance ({features})",
        feature_distances.kernel,
        better=LOWER,
        floor="floor",
        applies=_is_not_standard,
        ranks=True,
    ),
    Metric(
        "confident_share",
        "recognised by the independent classifier with over 90 % confidence",
        class_recognition.confidence,
        floor="real",
        is_share=True,
        column="> 90 % sure",
        sentence="A classifier that took no part in the training is over 90 % sure of"
        " {value} of the samples",
    ),
    Metric(
        "near_share",
        "memorisation rate: nearer to training data than the median real example",
        memorisation.memorisation_rate,
        better="far above one half: copies, or only what is common",
        floor=0.5,
        is_share=True,
    ),
    Metric(
        "class_deviation",
        "deviation of the classes' shares",
        class_recognition.imbalance,
        better=LOWER,
        floor="real",
        is_share=True,
    ),
    Metric(
        "judge_accuracy",
        "accuracy of the independent classifier on held-out data",
        class_recognition.accuracy("judge"),
        is_share=True,
    ),
    Metric(
        "extractor_accuracy",
        "accuracy of the extractor on held-out data",
        class_recognition.accuracy("extractor"),
        is_share=True,
    ),
)
