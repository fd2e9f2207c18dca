"""How the app reaches the engine and the ledger: the poller, commands, and a thread for queries."""
