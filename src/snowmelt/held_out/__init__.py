"""The likelihood of held-out data under a checkpoint: numbers, protocol and terms.

The bound and the likelihood of the flow belong to two models around one network. They have
their own names, protocols and digests, and nothing ranks one against the other. A number
is the mean over examples; `_se` is its standard error, from the spread of the examples and
of the noise. Another training is not in it.
"""
