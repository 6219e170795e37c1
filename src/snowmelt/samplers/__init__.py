"""Samplers: from noise to data, by one loop over steps of one family a file."""
