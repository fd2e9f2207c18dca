"""All that a person touches at a terminal: the commands and the Textual app."""
