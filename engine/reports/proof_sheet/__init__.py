"""Proof sheets: crops of a random sample beside what JPEGs of several qualities make of them, to settle on one."""
