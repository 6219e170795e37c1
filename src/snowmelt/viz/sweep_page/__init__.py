"""The page of a sweep: verdict and table first, then the pictures that say why.

`sweep_material` holds what is shown, `swept_settings` puts runs of one setting together,
`page` renders it all; each other module draws one section, or nothing where a sweep has
nothing to compare there.
"""
