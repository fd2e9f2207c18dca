"""Whether a JPEG 2000 file is whole, found out before a pixel is decoded.

jpylyzer tests boxes and markers; that every tile-part and packet is there is tested here, in bounded time and without
reading the packets' data.
"""
