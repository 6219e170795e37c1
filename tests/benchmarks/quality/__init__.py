"""`make bench-quality`: what ten minutes of training on this machine can draw.

- `__main__`: the order of things, and what is kept of a benchmark that was stopped;
- `learning`: our trainings, in a project of their own;
- `choices`: what ours chooses, and each choice undone;
- `peer`: a peer's training and sampling, in the environment of the peers;
- `judge`: one measure for all samples;
- `page`: what was found, as Markdown.
"""
