r"""Couplings: which start each example of a batch is paired with.

A flow between two distributions needs pairs, and any joint law with the right marginals
serves. Independent pairs cross each other's ways, so that the flow, an average over all of
those through a point, is crooked and takes many steps to follow. Pairs of the optimal plan
never cross in the limit of large batches; a plan with entropy is that of a Schroedinger
bridge.

- `coupling`: the interface, independent pairs, pairs that the data comes with, and pairs
  within each class;
- `batch_transport`: the optimal and the entropic plan of a batch.

References:
    Tong et al. (2024), arXiv:2302.00482; Pooladian et al. (2023), arXiv:2304.14772
    ("multisample flow matching": what a batch's plan does to the marginals, and to the
    paths).
"""

from snowmelt.training.couplings.batch_transport import OptimalTransport, Sinkhorn
from snowmelt.training.couplings.coupling import ClassWise, Coupling, Independent, Paired

__all__ = [
    "ClassWise",
    "Coupling",
    "Independent",
    "OptimalTransport",
    "Paired",
    "Sinkhorn",
]
