"""`make bench-bridges`: published tables of flows and bridges, with the parts of snowmelt.

- `__main__`: the order of things, and what is kept of a benchmark that was stopped;
- `published`: the figures of the papers, with what they were measured on;
- `distributions`: the points of the plane that they carry to each other;
- `methods`: each row as a coupling, an interpolant and a loss;
- `perceptrons`: the papers' network, for all seeds at once;
- `batches`: what a step learns from, and the plans, which depend on no network;
- `validation`: the weights of each seed that the papers would test;
- `flows`: training, the way of the points, the rounds of DSBM and of a reflow;
- `cells`: one method on one pair: trained, carried, measured, kept;
- `work`: pieces of work and what each waits for, done by several processes;
- `gaussian_bridge`: the bridge whose marginals are known;
- `measured_before`: results of another day, taken over;
- `measured_cells`: what was measured of one method on one pair;
- `gaussian_table`: the table of that bridge;
- `bridge_tables`: what was found beside what was published, as Markdown.
"""
