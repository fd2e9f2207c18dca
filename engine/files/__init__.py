"""What photostat does with any file or path: written whole or not at all, ordinary files only, reads that end."""
