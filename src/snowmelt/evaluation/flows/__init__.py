"""Flows between two distributions: how well starts are carried, and how straight.

- `flow_paths`: the paths of a sampler, their energy, length and straightness.
"""
