"""How probable data is under a model: two measures that are never mixed.

`bound` is an upper bound on the bits of the chain of T steps, `ode` the density of the
probability-flow equation. They are properties of two different models around one network,
and of discrete data the second is itself a bound, by way of dequantisation.
"""
