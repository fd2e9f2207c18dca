"""A run's stages, in the order an image meets them: surveying, converting, storing; and what gives out the work."""
