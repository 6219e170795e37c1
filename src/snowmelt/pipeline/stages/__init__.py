"""The stages of the pipeline, one thin file each: `run(config, root)` gives the result."""
