"""How people reach an engine: its start, its socket and the typed messages on it, the commands and the snapshot.

A client needs `client` and `requests`; the engine has `server` and `commands`; `offline` does in the ledger what needs
no engine.
"""
