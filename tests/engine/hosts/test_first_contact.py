"""Whether an invitation holds, and what answers at its address, is told before anything is tried again and again."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as real
import socket
import ssl
from pathlib import Path

import pytest

from engine.failures import UserError
from engine.hosts import first_contact
from engine.hosts.first_contact import make_contact, reason
from engine.hosts.invitations import Authority, Invitation


class LongAgo(real.datetime):
    @classmethod
    def now(cls, tz: real.tzinfo | None = None) -> LongAgo:
        return cls(2001, 1, 1, tzinfo=tz)


@pytest.fixture
def invitation(tmp_path: Path) -> Invitation:
    return Authority(tmp_path / "cluster").invite("b", "tls://127.0.0.1:1")


async def test_a_clock_that_is_before_the_invitation_is_told_as_that(
    invitation: Invitation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_contact, "datetime", LongAgo)
    with pytest.raises(UserError, match=r"holds from .* on: set this machine's clock, which is behind"):
        await make_contact(invitation)


@pytest.mark.parametrize("change", [{"name": "c"}, {"topic": "photostat-1"}])
async def test_an_invitation_whose_header_was_changed_is_refused(
    invitation: Invitation, change: dict[str, str]
) -> None:
    with pytest.raises(UserError, match="was written for b, and was changed since: copy the file again"):
        await make_contact(dataclasses.replace(invitation, **change))  # type: ignore[arg-type]


async def test_what_is_no_engine_may_be_one_later(invitation: Invitation) -> None:
    with pytest.raises(ConnectionRefusedError) as refused:
        await make_contact(invitation)
    assert reason(refused.value) == "connection refused"
    assert reason(TimeoutError()) == "no answer in time"
    assert reason(OSError("what is there is no engine")) == "what is there is no engine"

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError, match="no engine of photostat"):
            await make_contact(Invitation("b", f"tls://127.0.0.1:{port}", invitation.credentials))


async def test_what_never_answers_is_told_with_what_that_may_be(
    invitation: Invitation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_contact, "_ANSWERS_WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"tls://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TimeoutError, match=r"no answer within .* a firewall drops"):
            await make_contact(Invitation("b", at, invitation.credentials))


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "SSLV3_ALERT_CERTIFICATE_REVOKED",
            "somebody has ended the invitation of b in the workspace. `photostat host",
        ),
        (
            "TLSV1_ALERT_UNKNOWN_CA",
            "does not accept the invitation of b (unknown ca). `photostat host invite b`",
        ),
    ],
)
def test_an_engine_that_does_not_let_it_in_is_asked_no_more(
    invitation: Invitation, reason: str, told: str
) -> None:
    error = ssl.SSLError(1, "refused")
    error.reason = reason
    refused = first_contact._refused(invitation, error)
    assert isinstance(refused, UserError) and told in str(refused)
