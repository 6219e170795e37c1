"""How any number of samples gets to the disk: in shares, with a journal, and as PNGs."""
