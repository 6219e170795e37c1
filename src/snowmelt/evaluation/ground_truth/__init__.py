"""Ground truth: the errors of a model where the density of the data is known.

Distances between samples and data add up the faults of the network, of the sampler and of
chance. Where the data was drawn from a known density the network can be examined alone: its
score beside the true one, and its likelihood beside the data's own entropy.

- `score_error`: how far the learned score is from the true one at each noise level;
- `training_points`: what the training split says of the score without a network;
- `entropy`: the least that any model's mean negative log-likelihood can be;
- `truth_metrics`: these as metrics; `score_error_table`: the curve as lines of a table.

`snowmelt.evaluation.truth_evaluation` measures all of it of a checkpoint.
"""
