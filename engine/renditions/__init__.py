"""Small renditions of an image's source and JPEG, made where the files are, in a process that may be lost."""
