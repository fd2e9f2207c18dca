"""What a screen asks the app to open. The app opens it, so that no screen has to import another."""

from __future__ import annotations

from textual.message import Message


class OpenImage(Message):
    """The detail of one image."""

    def __init__(self, image_id: int) -> None:
        super().__init__()
        self.image_id = image_id


class OpenRepresentation(Message):
    """The images of one representation."""

    def __init__(self, uuid: str) -> None:
        super().__init__()
        self.uuid = uuid


class OpenBatch(Message):
    """The images of one batch."""

    def __init__(self, batch: str) -> None:
        super().__init__()
        self.batch = batch


class OpenHost(Message):
    """All that is known of one host."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host


class FindImages(Message):
    """All images, with the line in which one types what to search for."""


class OpenCause(Message):
    """The images that failed for one cause."""

    def __init__(self, cause: str) -> None:
        super().__init__()
        self.cause = cause
