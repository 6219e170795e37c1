"""The metrics of flows that begin with other data, in the order of the report."""

from __future__ import annotations

from functools import partial

from snowmelt.evaluation.catalogue.metric import LOWER, Metric, Section, Subject
from snowmelt.evaluation.transport import transport_metrics

DATA_UNIT = "the data"
# What other metrics of a flow are held against follows from these.
TRAINED = ("coupling", "interpolant", "pairs", "bridge")
_of_transport = partial(
    Metric, subject=Subject.TRANSPORT, section=Section.TRANSPORT, floor="floor",
    better=LOWER,
)  # fmt: skip

TRANSPORT_METRICS = (
    _of_transport(
        "transport_wasserstein_2", "Wasserstein distance W2 of carried starts",
        transport_metrics.wasserstein_2, unit=DATA_UNIT, trained=TRAINED,
        remark="from held-out examples; beside it another true sample of the same size",
    ),
    _of_transport(
        "transport_path_energy", "normalised path energy", transport_metrics.path_energy,
        trained=TRAINED, column="path energy", compares=True,
        remark="how far the energy of the paths is from that of the optimal flow, in units"
        " of the latter; beside it another true sample, along its exact plan",
    ),
    _of_transport(
        "transport_cost", "transport cost", transport_metrics.transport_cost,
        better="as near to the exact plan as can be", trained=TRAINED,
        remark="mean squared distance of start and sample; beside it the exact plan of the"
        " same starts and held-out examples",
    ),
    _of_transport(
        "transport_straightness", "straightness of the paths",
        transport_metrics.straightness, floor=0.0, trained=TRAINED,
        remark="0: straight, at constant speed; in units of the transport cost",
    ),
    _of_transport(
        "transport_marginals", "W2 on the way, mean over times",
        transport_metrics.marginals, unit=DATA_UNIT,
        remark="from the states between true pairs at the same times;"
        " beside it other such states",
    ),
    _of_transport(
        "transport_drift_error", "squared error of the drift",
        transport_metrics.drift_error, unit="the data, squared", floor=0.0,
        remark="from the exact drift, a mean over times; a network without error has 0",
    ),
    _of_transport(
        "transport_coupling", "W2 of pairs of start and sample", transport_metrics.coupling,
        unit=DATA_UNIT, remark="from true pairs, in twice the dimensions; beside it other"
        " true pairs",
    ),
)  # fmt: skip
