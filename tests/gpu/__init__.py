"""What a GPU computes, against a processor: skipped where torch finds no GPU."""
