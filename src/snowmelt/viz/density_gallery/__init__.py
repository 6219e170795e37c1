"""Every film and picture of diffusion in the plane, of one density that is known.

- `material`: the density, the processes it is sent through, and points;
- `scene`: what one film or picture of the set is, with the words that go with it;
- `melting`, `returning`, `walking`, `carrying`: the scenes, a chapter each;
- `gallery`: all scenes drawn into one folder, and the page that shows them.

A scene is added by a function that draws it and an entry in its chapter.
"""
