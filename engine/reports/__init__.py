"""Pages and tables for people: the account of a conversion, and proof sheets."""
