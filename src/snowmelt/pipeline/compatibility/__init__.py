"""Which parts go together: what is refused, and what is only doubtful.

Every part of a configuration checks its own arguments. What none of them can see is the
other parts, and some pairs train or sample without a complaint and end in garbage. They are
refused here, when the configuration is composed; what is merely unwise is put into words,
which the schedule card shows.

    findings    what is said about a combination
    training    schedule, process, prediction, loss, times
    sampling    a trained denoiser and a sampler
    whole       both, of one configuration

This file imports nothing on purpose: a training depends on `training` alone, so that an
edit of a sampler does not make it stale.
"""
