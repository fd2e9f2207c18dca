"""The codestream (ISO/IEC 15444-1 Annexes A and B): markers, coding style, precincts, packets.

Marker segments are counted, and more than a legal header needs are refused. The packet walk reads packet headers and
decodes no code-block: it finds packets that are missing although every length fits, which no other check can see.
"""
