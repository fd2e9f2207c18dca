"""What runs beside the supervisor: child processes, workers, the surveyor and the uploader."""
