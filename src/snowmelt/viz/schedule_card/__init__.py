"""The schedule card: what a schedule does, before anything is trained."""
