"""The dashboard's panels, the list, and the widgets that all screens share.

They are our own because Textual's DataTable, Footer and containers write 1.7 to 2.6 times as many bytes to the terminal
(bench/README.md, terminal_bytes)."""
