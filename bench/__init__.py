"""Measurements: run by hand, one module each; what they found is in README.md."""
