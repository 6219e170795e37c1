"""Flows between two distributions: how well starts are carried, and along which paths.

- `flow_paths`: the paths of a sampler, their energy and straightness;
- `walked_states`: the paths of samples, walked again;
- `true_pairs`: what pairs of data and start a flow was asked to join;
- `transport_sets`: the sets of points that are compared;
- `drift_error`: how far the learned drift is from one that is known;
- `transport_metrics`: the numbers of the catalogue.

`snowmelt.evaluation.transport_evaluation` measures all of it of a set of samples.
"""
