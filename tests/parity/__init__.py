"""Parity with diffusers, an independent implementation; a dependency of the tests only."""
