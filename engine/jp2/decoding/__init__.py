"""From a JPEG 2000 file to pixels: what its channels and colours mean, OpenJPEG's calls, and the decode modes."""
