"""Decoding on a GPU by nvImageCodec: which images, the process that decodes, and what a worker asks it."""
