"""Plots, one kind a module."""
