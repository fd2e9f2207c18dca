"""One image from its JP2 to a proved JPEG: the source file, the conversion, the verification."""
