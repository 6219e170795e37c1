"""Compatibility rules: which parts of a configuration do not go together, and why.

Every part checks its own arguments but cannot see the other parts, and some pairs train or
sample without an error message and give garbage. Such a pair is an error when the
configuration is composed; an unwise pair is a warning, which the schedule card shows.

    issues                 an error or a warning
    training_rules         schedule, process, prediction, loss and time sampling
    sampling_rules         a trained denoiser and a sampler
    configuration_rules    both, for a whole configuration
"""
