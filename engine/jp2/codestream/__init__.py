"""The codestream (ISO/IEC 15444-1 Annexes A and B): markers, coding style, precincts, packets."""
