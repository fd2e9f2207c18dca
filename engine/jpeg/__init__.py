"""JPEG: pixels made ready and written, and what a JPEG says of itself."""
