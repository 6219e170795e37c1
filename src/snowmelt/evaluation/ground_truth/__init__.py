"""Ground truth: the errors of a model where the density of the data is known.

Distances between samples and data add up the faults of the network, of the sampler and of
chance. Where the data was drawn from a known density the network can be examined alone: its
score beside the true one, and its likelihood beside the data's own entropy.

`snowmelt.evaluation.truth_evaluation` measures all of it of a checkpoint.
"""
