"""Where images are converted: the processes, the memory and the scratch of a machine, this one or another."""
