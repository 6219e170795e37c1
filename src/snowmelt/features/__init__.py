"""Feature extractors and the distances between sets of features.

Whether samples look like the data is asked of features: numbers that an extractor reads off
one example. An `Extractor` is chosen by `features=`; `distances` compares two sets of
features; `reference` keeps what the real data gave; `measures` puts samples beside it;
`protocol` says how.
"""
