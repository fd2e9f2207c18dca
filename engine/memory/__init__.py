"""Memory: how much there is, what processes use, what an image will need, and which image may start."""
