"""The boxes of the JP2 file format (ISO/IEC 15444-1 Annex I, 15444-2 Annex M), read within bounds.

No length is trusted and no box is read that is not needed: a walk goes forward from box to box, stops at 4096 of them
and at eight levels, and a box's content is read only up to what a sound one holds.
"""
