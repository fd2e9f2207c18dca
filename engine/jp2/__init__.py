"""JPEG 2000: a file that is opened once and read in parts, the validation of its structure, and decoding.

`jp2_file` is the file; `header` holds what is known before a pixel is decoded. Boxes and codestream are read here and
not by glymur, which reads a box as long as its length says: a damaged or hostile file may claim any length, count or
depth, and every read here is bounded in all three, before memory is taken for it. A refusal carries a cause and the
facts.
"""
