"""What runs beside the supervisor: workers that convert, the surveyor that reads headers, the uploader.

Each is a child process of its own with its own pipe to the supervisor, so that whatever ends one of them costs at most
the image that it had."""
