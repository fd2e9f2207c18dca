"""The actions of the app: their registry, and which of them are available now."""
