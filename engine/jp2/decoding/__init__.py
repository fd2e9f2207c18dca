"""From an opened JPEG 2000 file to pixels: OpenJPEG, decode modes, colour."""
