"""A whole configuration: what will be trained, and how it will be sampled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.likelihood.likelihood_settings import Settings
from snowmelt.pipeline.compatibility import sampling_rules, training_rules
from snowmelt.pipeline.compatibility.issues import Finding, refuse


def check(config: Mapping[str, Any]) -> None:
    """Refuse a configuration whose parts do not go together.

    Raises:
        UserError: with the keys, the reason and what to do.
    """
    refuse(findings(config))


def findings(config: Mapping[str, Any], *, is_points: bool = False) -> list[Finding]:
    """Everything to know about a configuration's parts, the refusals first.

    A part that cannot be built is a refusal too, and the only one: without it nothing can
    be said about the others.
    """
    try:
        found = training_rules.findings(training_rules.built(config))
        parts = sampling_rules.trained(config, is_points=is_points)
        found += sampling_rules.findings(config, parts)
        found += _likelihood(config["likelihood"], parts)
    except UserError as error:
        return [Finding((), str(error), is_refused=True)]
    return sorted(found, key=lambda finding: not finding.is_refused)


def _likelihood(section: Mapping[str, Any], parts: sampling_rules.Trained) -> list[Finding]:
    """What the model to come cannot be asked of.

    Raises:
        UserError: a value of the section is refused.
    """
    settings = Settings.of(plain(section))
    # The questions are about the parts; no network is asked.
    model = Denoiser(nn.Identity(), parts.process, parts.prediction, parts.learned_variance)
    try:
        settings.check(model)
    except UserError as error:
        return [Finding((), str(error), is_refused=True)]
    return []
