"""`photostat check`: predicts before a run what will fail, what would hold it now, and how long the rest takes."""
