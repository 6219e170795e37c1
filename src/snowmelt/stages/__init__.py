"""The stages of the pipeline, one thin file each: `run(config, root)` returns the result."""
