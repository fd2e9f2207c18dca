"""Proof sheets: crops of a random sample beside the same crops as JPEGs of several qualities, to choose one."""
