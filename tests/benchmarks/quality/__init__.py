"""`make bench-quality`: what ten minutes of training on this machine can draw.

- `__main__`: the order of things, and what is kept of a benchmark that was stopped;
- `project`: our own commands in a folder of their own;
- `peer`: a peer's training and sampling, in the environment of the peers;
- `judge`: one measure for all samples;
- `page`: what was found, as Markdown.
"""
