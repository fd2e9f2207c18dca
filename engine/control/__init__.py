"""The engine's socket: server, client, commands, the snapshot, and the start of an engine."""
