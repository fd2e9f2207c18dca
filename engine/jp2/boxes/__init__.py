"""The boxes of the JP2 file format (ISO/IEC 15444-1 Annex I, 15444-2 Annex M)."""
