"""Sends a message to one address: a JSON POST, or one of apprise's services."""

from __future__ import annotations

import base64
import logging
import re
import urllib.request
from contextvars import ContextVar
from http.client import HTTPException
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from engine.config.notify_urls import is_plain, secrets_of, shown
from engine.failures import one_line
from engine.notify.message import Message
from engine.store.redaction import redact

_TIMEOUT_S = 10.0
_LONGEST_PROBLEM = 300
_LEAST_SECRET = 3
"""Characters. What is shorter is no secret, and part of many words."""


class NotTaken(Exception):
    """The address did not take the message; says why, without secrets."""


class UnknownService(Exception):
    """No service of apprise has addresses like this one."""


class Service(Protocol):
    def send(self, message: Message) -> None:
        """Raises NotTaken."""


def service_at(url: str) -> Service:
    """Raises UnknownService."""
    return _Post(url) if is_plain(url) else _Apprise(url)


class _Post:
    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message) -> None:
        body = msgspec.json.encode(message.document)
        try:
            url, headers = _request_to(self._url)
            request = urllib.request.Request(url, body, headers)
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
                return
        except HTTPError as error:
            raise NotTaken(f"HTTP status {error.code}") from error
        except (URLError, OSError, HTTPException, ValueError) as error:
            raise NotTaken(_cleaned(_reason(error), self._url)) from error


def _request_to(url: str) -> tuple[str, dict[str, str]]:
    """A user and password in the address become a header (RFC 7617), as urllib takes them for a part of the host."""
    headers = {"Content-Type": "application/json"}
    parts = urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    if credentials:
        token = base64.b64encode(unquote(credentials).encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return urlunsplit(parts._replace(netloc=host)), headers


class _Apprise:
    """What a service does not take, apprise tells only in its log."""

    def __init__(self, url: str) -> None:
        import apprise

        _log_of_apprise_is_captured()
        asset = apprise.AppriseAsset(app_id="photostat", app_desc="photostat", app_url="", async_mode=False)
        self._url = url
        self._services = apprise.Apprise(asset=asset)
        if not self._services.add(url):
            raise UnknownService
        for service in self._services:
            service.socket_connect_timeout = min(_TIMEOUT_S, service.socket_connect_timeout)

    def send(self, message: Message) -> None:
        lines: list[str] = []
        _warnings.set(lines)
        try:
            taken = self._services.notify(body=message.body, title=message.title, body_format="text")
        except Exception as error:  # plug-ins of many authors
            raise NotTaken(_cleaned(f"{type(error).__name__}: {error}", self._url)) from error
        if not taken:
            raise NotTaken(_cleaned(lines[-1] if lines else "apprise gives no reason", self._url))


class _Capture(logging.Handler):
    """Keeps the warnings of apprise apart by address: another one's may have its secrets.

    Apprise sends in threads of its own, which have the context of the one that asked."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = _warnings.get()
        if lines is not None:
            lines.append(record.getMessage())


_warnings: ContextVar[list[str] | None] = ContextVar("_warnings", default=None)


def _log_of_apprise_is_captured() -> None:
    log = logging.getLogger("apprise")
    if not any(isinstance(handler, _Capture) for handler in log.handlers):
        log.propagate = False
        log.addHandler(_Capture(logging.WARNING))


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {_TIMEOUT_S:g} s"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return f"{type(reason).__name__}: {reason}" if not isinstance(reason, str) else reason


def _cleaned(text: str, url: str) -> str:
    """Without anything of the address that could be a secret."""
    text = text.replace(url, shown(url))
    for secret in secrets_of(url):
        if len(secret) >= _LEAST_SECRET:
            text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return one_line(redact(text)).rstrip(".")[:_LONGEST_PROBLEM]
