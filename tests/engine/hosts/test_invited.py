"""An invitation holds until it is withdrawn or another one of its name is made: TLS itself refuses it then."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.failures import UserError
from engine.hosts.dask_settings import security_of
from engine.hosts.gate import Gate
from engine.hosts.invitations import Authority, Credentials

ADDRESS = "tls://127.0.0.1:8786"


class Connection:
    def __init__(self, certificate: str) -> None:
        self.extra_info: dict[str, Any] = {"peercert": {"serialNumber": certificate}}
        self.is_open = True

    def abort(self) -> None:
        self.is_open = False


@dataclass
class Scheduler:
    _comms: list[Connection] = field(default_factory=list)


def is_let_in(gate: Gate, guest: Credentials) -> bool:
    """By a handshake without a network."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = security_of(guest).get_connection_args("worker")["ssl_context"].wrap_bio(to_client, to_server)
    server = gate._contexts[0].wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                assert "revoked" in str(error)
                return False
    return True


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "cluster")


def gate_of(authority: Authority) -> Gate:
    engine = authority.engine()
    context = security_of(engine).get_listen_args("scheduler")["ssl_context"]
    gate = Gate([context], Path(engine.revocations))
    gate.look(Scheduler())
    return gate


def test_a_withdrawn_invitation_is_refused_by_tls_while_the_engine_runs_and_the_others_hold(
    authority: Authority,
) -> None:
    gate = gate_of(authority)
    b, c = (authority.invite(name, ADDRESS).credentials for name in ("b", "c"))
    gate.look(Scheduler())
    assert is_let_in(gate, b) and is_let_in(gate, c) and is_let_in(gate, authority.engine())
    assert authority.withdraw("b") and not authority.withdraw("b")
    gate.look(Scheduler())
    assert not is_let_in(gate, b) and is_let_in(gate, c)
    anew = authority.invite("b", ADDRESS).credentials
    gate.look(Scheduler())
    assert is_let_in(gate, anew) and not is_let_in(gate, b)
    newest = authority.invite("b", ADDRESS).credentials
    assert authority.withdraw("c")
    for one in (gate, gate_of(authority)):  # of this engine, and of the next
        one.look(Scheduler())
        assert [is_let_in(one, guest) for guest in (b, anew, newest, c)] == [False, False, True, False]


def test_who_is_connected_by_an_invitation_that_does_not_hold_any_more_is_turned_out(
    authority: Authority,
) -> None:
    gate = gate_of(authority)
    authority.invite("b", ADDRESS)
    authority.invited.put("b", 10)
    authority.withdraw("b")
    scheduler = Scheduler([Connection("00"), Connection("0A")])
    gate.look(scheduler)
    assert [connection.is_open for connection in scheduler._comms] == [True, False]


@pytest.mark.parametrize(("name", "words"), [("x", "invited are"), ("conv22", "did you mean conv2?")])
def test_a_name_that_was_never_invited_is_said_with_those_that_were(
    authority: Authority, name: str, words: str
) -> None:
    with pytest.raises(UserError, match="none was invited"):
        authority.withdraw(name)
    authority.invite("conv2", ADDRESS)
    authority.invite("lab.example", ADDRESS)
    with pytest.raises(UserError, match=words):
        authority.withdraw(name)
    assert authority.invited.names == ["conv2", "lab.example"]


@pytest.mark.parametrize("name", ["here", "Here", "a b", "../x", "", "-x", "x" * 41, "ä", "a\nb"])
def test_a_name_that_no_host_can_have_is_refused(authority: Authority, name: str) -> None:
    with pytest.raises(UserError) as caught:
        authority.invite(name, ADDRESS)
    assert "\n" not in str(caught.value)
    assert authority.invited.names == []
