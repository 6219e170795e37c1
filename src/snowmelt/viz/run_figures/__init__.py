"""Figures of one run, out of the arrays that its stages wrote; no model is loaded.

- `trajectory_animation`: a cloud on its way, over the density of each moment;
- `path_figure`: the same start points by three samplers, learned score and true score;
- `flow_figures`: the paths of a flow in the plane, and its error by number of steps;
- `score_field_figure`: the learned score beside the true one, at several noise levels;
- `density_figure`: the true density, that of the samples, and the model's own;
- `run_pictures`: all of them, into a folder;
- `mcmc_curves`: the benchmark of Markov chains.
"""
