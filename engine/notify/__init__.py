"""Notifications: a process beside the engine sends them, outlives it, and tells when it has died."""
