"""From data to noise."""

from __future__ import annotations

import torch

from snowmelt.viz.density_gallery import forward_scenes
from snowmelt.viz.density_gallery.gallery_material import Material


def test_paths_begin_in_the_data_and_share_their_noise(material: Material):
    walk = forward_scenes._paths(material, material.walk)
    pulled = forward_scenes._paths(material, material.ornstein_uhlenbeck)
    assert torch.equal(walk[0], material.points[:3])
    assert torch.equal(pulled[0], walk[0])
    steps = [paths.diff(dim=0).flatten() for paths in (walk, pulled)]
    assert torch.corrcoef(torch.stack(steps))[0, 1] > 0.9
    assert pulled[-1].norm() < walk[-1].norm()
