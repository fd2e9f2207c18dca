"""Whether a JPEG 2000 file is whole, tested before a pixel is decoded."""
