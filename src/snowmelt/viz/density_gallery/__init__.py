"""The gallery of a known density: animations and pictures of diffusion in the plane.

- `gallery_material`: the density, the processes and the points;
- `scene`: one animation or picture, with its title, question and explanation;
- `forward_scenes`, `reverse_scenes`, `transport_scenes`: the forward process, the reverse
  process and the transport of the density;
- `bridge_material`, `bridge_scenes`: one cloud becoming another, by any pairs;
- `learned_scenes`: a learned score beside the exact one;
- `random_walk_scenes`: Markov chains on the density;
- `gallery`: draws all scenes into one folder, with a page.

A new scene is a function that draws it and an entry in its chapter.
"""
