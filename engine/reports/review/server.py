"""Serves one review's page to one person's browser on this machine, takes the answers, and ends.

Only loopback is listened on, at a port by chance. Whoever asks must know the token in the address; the Host must be
this address, so that no name of another site leads here (DNS rebinding), and what is sent must come from this page's
own origin (CSRF). Everything else is refused."""

from __future__ import annotations

import hmac
import logging
import secrets
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engine.failures import one_line
from engine.reports.review.answers import MOST_BYTES

log = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
_PATIENCE_S = 30.0
"""For a client that sends or takes nothing."""


@dataclass(frozen=True)
class Said:
    """What the page shows after it has sent the answers."""

    text: str
    is_all: bool
    """Nothing was left alone or refused."""


class ReviewServer(ThreadingHTTPServer):
    """`serve` ends when the person has finished, or with KeyboardInterrupt."""

    daemon_threads = True

    def __init__(self, page: Callable[[], Iterable[str]], record: Callable[[bytes], Said]) -> None:
        """`record` takes the answers as they were sent; one at a time."""
        super().__init__((_LOOPBACK, 0), _Handler)
        self.page = page
        self.record = record
        self.recording = threading.Lock()
        self._token = secrets.token_urlsafe(32)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}/{self._token}/"

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset({f"{_LOOPBACK}:{self.port}", f"localhost:{self.port}"})

    def place_of(self, path: str) -> str | None:
        """What comes after the token; None if the path does not begin with it."""
        token, separator, rest = path.removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode())
        return rest if known and separator else None

    def serve(self) -> None:
        with self:
            self.serve_forever(poll_interval=0.1)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle is no fault; anything else is told in a line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            log.error("the review's page was not answered: %s", one_line(repr(error)))

    def finish(self) -> None:
        """From another thread than that of `serve`."""
        threading.Thread(target=self.shutdown, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    timeout = _PATIENCE_S
    server_version = "photostat"
    sys_version = ""
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if self._is_refused():
            return
        if self.server.place_of(self.path) != "":
            self._answer(HTTPStatus.NOT_FOUND, "not here")
            return
        self.send_response(HTTPStatus.OK)
        self._headers("text/html; charset=utf-8")
        for piece in self.server.page():
            self.wfile.write(piece.encode())

    def do_POST(self) -> None:
        if self._is_refused():
            return
        place = self.server.place_of(self.path)
        if place not in ("answers", "finish"):
            self._answer(HTTPStatus.NOT_FOUND, "not here")
        elif self.headers.get("Origin", "") not in {f"http://{host}" for host in self.server.hosts}:
            self._answer(HTTPStatus.FORBIDDEN, "refused: this did not come from the review's own page")
        elif self.headers.get_content_type() != "application/json":
            self._answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "refused: not JSON")
        elif (size := self._size()) is None:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "refused: too long, or of no stated length")
        elif place == "finish":
            self._answer(HTTPStatus.OK, "finished")
            self.server.finish()
        elif len(data := self.rfile.read(size)) < size:
            self._answer(HTTPStatus.BAD_REQUEST, "nothing was recorded: the answers did not arrive whole")
        else:
            with self.server.recording:  # not while they arrive: a slow connection keeps nobody else waiting
                said = self.server.record(data)
            self._answer(HTTPStatus.OK if said.is_all else HTTPStatus.CONFLICT, said.text)

    def _is_refused(self) -> bool:
        """Answers what is not addressed to this server and does not know its token."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0] not in self.server.hosts:
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "refused: another host was asked for")
            return True
        if self.server.place_of(self.path) is None:
            self._answer(HTTPStatus.NOT_FOUND, "not here")
            return True
        return False

    def _size(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        size = int(text) if text.isascii() and text.isdigit() else None
        return size if size is not None and size <= MOST_BYTES else None

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self._headers("text/plain; charset=utf-8")
        self.wfile.write(text.encode())

    def _headers(self, content_type: str) -> None:
        for name, value in (
            ("Content-Type", content_type),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr: the address with its token would be there."""
