"""The commands, one a file; `shared` has what several of them use."""
