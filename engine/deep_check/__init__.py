"""`photostat check --deep`: a sample of each kind of file, decoded in every mode and by other decoders."""
