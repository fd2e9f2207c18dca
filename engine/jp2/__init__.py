"""JPEG 2000: the header as it is written in the file, the structure's tests, and decoding with OpenJPEG."""
