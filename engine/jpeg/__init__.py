"""JPEG: pixels are rendered to what a JPEG can hold and encoded by libvips; finished JPEGs are inspected.

The marker segments are written and read here and not by libvips, so that profile and metadata stay the same byte for
byte. `limits`, `inspect`, `quality` and `metadata` do not load libvips.
"""
