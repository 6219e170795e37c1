"""The metrics of samples, in the order of the report."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from snowmelt.evaluation.catalogue.metric import HIGHER, LOWER, Metric
from snowmelt.evaluation.metrics import (
    class_recognition,
    class_scores,
    feature_distances,
    manifold_metrics,
    memorisation,
    mode_balance,
    paired_sets,
    two_sample_test,
)
from snowmelt.evaluation.metrics.sample_metrics import Examples

COPIES = "above real data: copies of training data"
TRAINING_SCALE = "the scale of the training split"
_of_points = attrgetter("context.is_points")
_with_modes = attrgetter("context.has_modes")
_on_inception = attrgetter("context.reference.extractor.is_standard_inception")


def _on_other_features(examples: Examples) -> bool:
    """Whether a distance must not be called FID or KID."""
    return not _on_inception(examples)


def _with_pixels(examples: Examples) -> bool:
    return examples.context.neighbourhood.has_pixels


def _with_real_examples(examples: Examples) -> bool:
    return examples.context.real is not None


def _with_asked_classes(examples: Examples) -> bool:
    return examples.context.drawn.labels is not None


def _on_other_classes(examples: Examples) -> bool:
    """Whether a score of the extractor's classes must not be called Inception score."""
    return not examples.context.is_points and not _on_inception(examples)


_BY_A_LINE = "extrapolated from all examples, halves and quarters of them"
_compared = partial(Metric, floor="floor")
_distance = partial(_compared, better=LOWER)
_main = partial(_distance, ranks=True)
_of_sets = partial(_distance, applies=_of_points, is_over_sets=True)
_of_modes = partial(_compared, applies=_with_modes)
_share = partial(Metric, is_share=True)
_merit = partial(_compared, better=HIGHER)

SAMPLE_METRICS = (
    _main("fid", "FID", feature_distances.frechet, applies=_on_inception),
    _distance(
        "fid_infinity", "FID at an infinite count", feature_distances.frechet_infinity,
        applies=_on_inception, remark=_BY_A_LINE,
    ),
    _of_sets(
        "wasserstein_2", "Wasserstein distance W2 ({features})",
        paired_sets.wasserstein_2, unit=TRAINING_SCALE, ranks=True,
    ),
    _of_sets(
        "sliced_wasserstein_2", "sliced Wasserstein distance",
        paired_sets.sliced_wasserstein_2, unit=TRAINING_SCALE,
    ),
    _share(
        "two_sample_accuracy",
        "accuracy of the classifier two-sample test (nearest neighbours)",
        two_sample_test.against_train, floor="floor", applies=_of_points,
        better="one half: samples cannot be told from real points; 100 %: always",
    ),
    _of_modes(
        "mode_deviation", "largest deviation of a mode's share",
        mode_balance.mode_deviation, better=LOWER,
    ),
    _of_modes(
        "mode_chi_square", "chi-square of the modes' shares, by degree of freedom",
        mode_balance.mode_chi_square, better="about 1: chance alone; grows with the count",
    ),
    _of_modes(
        "mode_coverage", "modes with a tenth of their share or more",
        mode_balance.mode_coverage, better=HIGHER, is_share=True,
    ),
    _of_sets(
        "energy_distance", "energy distance",
        paired_sets.energy_distance, unit=TRAINING_SCALE, remark="unbiased",
    ),
    _of_sets(
        "squared_mmd", "squared maximum mean discrepancy (Gaussians)",
        paired_sets.squared_mmd, remark="unbiased",
    ),
    _main(
        "frechet_distance", "Frechet distance ({features})",
        feature_distances.frechet, applies=_on_other_features,
    ),
    _distance(
        "frechet_distance_infinity", "Frechet distance at an infinite count ({features})",
        feature_distances.frechet_infinity, applies=_on_other_features, remark=_BY_A_LINE,
    ),
    _main("kid", "KID", feature_distances.kernel, applies=_on_inception),
    _main(
        "kernel_distance", "kernel distance ({features})",
        feature_distances.kernel, applies=_on_other_features,
    ),
    _share(
        "confident_share",
        "recognised by the independent classifier with over 90 % confidence",
        class_recognition.confidence, floor="real", column="> 90 % sure",
        sentence="A classifier that took no part in the training is over 90 % sure of"
        " {value} of the samples",
    ),
    _share(
        "class_agreement", "classified as the class that was asked for",
        class_recognition.agreement, floor="real", better=HIGHER,
        applies=_with_asked_classes,
    ),
    _share(
        "near_share",
        "memorisation rate: nearer to training data than the median real example",
        memorisation.memorisation_rate, floor=0.5,
        better="far above one half: copies, or only what is common",
    ),
    _share(
        "memorised_share", "memorised: as near to training data as the nearest real ones",
        memorisation.memorised, floor="real", better=COPIES,
    ),
    _share(
        "memorised_share_pixels", "memorised, by pixels",
        memorisation.memorised_pixels, floor="real", applies=_with_pixels, better=COPIES,
    ),
    _share(
        "copied_share", "three times nearer to one training image than to any other",
        memorisation.copied, floor="real", applies=_with_pixels, better=COPIES,
    ),
    _share(
        "nearer_train_share", "nearer to training data than to as much held-out data",
        memorisation.nearer_to_training, floor=0.5, applies=_with_real_examples,
        better="one half: neither is known; above: what was trained on is",
    ),
    Metric(
        "data_copying", "data-copying test (z of the distances to training data)",
        memorisation.data_copying, floor=0.0,
        better="below -3: copies, or only what is common; above 3: unlike the data",
    ),
    _share(
        "class_deviation", "deviation of the classes' shares",
        class_recognition.imbalance, floor="real", better=LOWER,
    ),
    _merit(
        "precision", "precision ({features})", manifold_metrics.precision, is_share=True,
        remark="samples that lie where training examples do",
    ),
    _merit(
        "recall", "recall ({features})", manifold_metrics.recall, is_share=True,
        remark="training examples that lie where samples do",
    ),
    _compared(
        "density", "density ({features})", manifold_metrics.density,
        better="about 1: true samples; less: off the data; more: where it is densest",
    ),
    _merit(
        "coverage", "coverage ({features})", manifold_metrics.coverage, is_share=True,
        remark="training examples that have a sample beside them",
    ),
    _merit(
        "inception_score", "Inception score", class_scores.of_extractor,
        applies=_on_inception,
    ),
    _merit(
        "class_score", "Inception score's formula on the classes of {features}",
        class_scores.of_extractor, applies=_on_other_classes,
    ),
    _merit(
        "classifier_score",
        "Inception score's formula on the independent classifier's classes",
        class_scores.of_classifier,
    ),
    _share(
        "judge_accuracy", "accuracy of the independent classifier on held-out data",
        class_recognition.accuracy("judge"),
    ),
    _share(
        "extractor_accuracy", "accuracy of the extractor on held-out data",
        class_recognition.accuracy("extractor"),
    ),
)  # fmt: skip
