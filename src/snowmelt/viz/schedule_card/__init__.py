"""The schedule card: what a schedule does, before anything is trained.

    numbers     curves and numbers of one schedule, in one process
    example     one real example on its way from data to noise
    drawing     the card of some configurations, as a figure and in words

`snowmelt.viz.schedule_card.card_figure` draws it.
"""
