"""The sets of weights that a training leaves: their names, and those made of snapshots."""
