"""Plots, one kind a module.

This file imports nothing on purpose. A stage depends on the files that it imports, so
`from snowmelt.viz.plots.image_grid import image_grid` keeps a change to the curves of the
report from making preparation or training stale.
"""
