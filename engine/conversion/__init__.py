"""One image from its JPEG 2000 file to a verified JPEG on scratch: the source file, the conversion, the check."""
