"""What is said before a training starts: GPUs that are idle, time, memory and disk."""
