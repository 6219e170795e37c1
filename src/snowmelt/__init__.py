"""snowmelt: denoising diffusion models as a pipeline that can be trusted."""

__version__ = "0.1.0"
