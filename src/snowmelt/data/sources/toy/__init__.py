"""Clouds of points in the plane, drawn by a formula or from a drawing of our own."""
