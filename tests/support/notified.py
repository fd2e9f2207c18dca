"""Servers that are notified: one that takes mail, one that accepts connections and never answers."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from tests.support.wrong_server import WrongServer


class MailServer:
    """Takes every mail (RFC 5321), on the loopback."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        outer = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 loopback\r\n")
                for line in self.rfile:
                    command = line[:4].strip().upper()
                    if command == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        lines = []
                        while (text := self.rfile.readline()) not in (b".\r\n", b""):
                            lines.append(text)
                        outer.mails.append(message_from_bytes(b"".join(lines)))
                    self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 fine\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """For apprise; with a password."""
        port = self._server.server_address[1]
        return f"mailto://127.0.0.1:{port}?mode=insecure&from=engine@example.org&to=people@example.org"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


@contextmanager
def silent_port() -> Iterator[int]:
    """Connections are accepted, and nothing comes until they are cut at the end."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening.getsockname()[1]  # connections that nobody has accepted are reset when it is closed


def refusing_port() -> int:
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def text_of(mail: Message) -> str:
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def documents(server: WrongServer, path: str) -> list[dict[str, Any]]:
    """What was POSTed there, in its order."""
    return [json.loads(asked.body) for asked in server.asked if asked.path == path]
