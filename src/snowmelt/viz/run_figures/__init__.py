"""How points came about: films and pictures of the way from data to noise and back.

- `setting`: what all of them share: denoiser, truth or real points, part of the plane;
- `films`: a cloud on its way, over the density of each moment;
- `paths`: the same start points by three samplers, learned score and true score;
- `fields`: the learned score beside the true one, at several noise levels;
- `densities`: the true density, that of the samples, and the model's own.
"""

from snowmelt.viz.run_figures.point_setting import Setting

__all__ = ["Setting"]
