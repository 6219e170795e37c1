"""Data: sources, the prepared form, and the only way between stored and model values."""
