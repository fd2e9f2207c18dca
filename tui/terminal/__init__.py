"""What the app and the commands know of their terminal: its encoding, its keys, its columns, its pictures."""
