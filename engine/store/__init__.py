"""Where the JPEGs go: a local directory or an S3 bucket, behind one interface."""
