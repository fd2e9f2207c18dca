"""What a person can do: the registry of actions, and which of them are available now."""
