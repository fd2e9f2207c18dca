"""What the commands share: output, options, the engine, the account, progress."""
