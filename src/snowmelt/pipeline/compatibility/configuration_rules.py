"""Compatibility rules for a whole configuration: training, sampling and likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.likelihood.measurements import Measurements
from snowmelt.evaluation.settings import LikelihoodSettings
from snowmelt.pipeline.compatibility import flow_rules, sampling_rules, training_rules
from snowmelt.pipeline.compatibility.issues import CompatibilityIssue, refused, settle


def check(
    config: Mapping[str, Any], shape: tuple[int, ...] | None = None, label: str = ""
) -> None:
    """Refuse a configuration whose parts do not go together, and say what is unwise.

    Args:
        shape: of one example; None where nobody knows it yet.
        label: of the job, if there are several.

    Raises:
        UserError: with the keys, the reason and what to do.
    """
    settle(issues(config, shape=shape), label)


def issues(
    config: Mapping[str, Any], *, shape: tuple[int, ...] | None = None
) -> list[CompatibilityIssue]:
    """The issues of a configuration, errors first.

    Args:
        shape: of one example, (C, H, W) or (D,); None, where nobody knows it yet, stands
            for small images.

    A part that cannot be instantiated is the only error then, since the others cannot be
    checked without it.
    """
    try:
        found = training_rules.issues(training_rules.built(config))
        found += flow_rules.training_issues(config)
        is_points = shape is not None and len(shape) == 1
        parts = sampling_rules.trained(config, is_points=is_points, shape=shape)
        is_sound = not any(issue.is_error for issue in found)
        found += sampling_rules.issues(config, parts, is_run=is_sound)
        found += _likelihood(config["likelihood"], parts)
    except UserError as error:
        return [refused((), str(error))]
    return sorted(found, key=lambda issue: not issue.is_error)


def _likelihood(
    section: Mapping[str, Any], parts: sampling_rules.Trained
) -> list[CompatibilityIssue]:
    """The issues of the likelihood evaluation with the model that will be trained.

    Raises:
        UserError: a value of the section is refused.
    """
    wanted = Measurements.of(LikelihoodSettings.of(plain(section)))
    # The questions are about the parts; no network is asked.
    model = Denoiser(nn.Identity(), parts.process, parts.prediction, parts.learned_variance)
    try:
        wanted.applicable(model)
    except UserError as error:
        return [refused((), str(error))]
    return []
