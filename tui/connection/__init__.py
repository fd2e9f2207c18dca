"""How the app reaches the engine and the ledger: polling, commands, and a thread for queries."""
