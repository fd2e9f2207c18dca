"""Invitations: secret, whole, for one name; and who has none is not heard."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from engine.failures import UserError
from engine.hosts.invitations import Authority, Credentials, Invitation, write_invitation


def context(credentials: Credentials, tmp_path: Path, *, server: bool) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=credentials.authority)
    file = tmp_path / f"{'server' if server else 'client'}.pem"
    file.write_text(credentials.certificate + credentials.key)
    made.load_cert_chain(file)
    return made


def is_heard(engine: Credentials, host: Credentials, tmp_path: Path) -> bool:
    """Whether a byte of this host arrives at an engine."""
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        try:
            with context(engine, tmp_path, server=True).wrap_socket(connection, server_side=True) as secure:
                heard.append(secure.recv(1))
        except OSError:
            connection.close()

    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=serve, args=(ours,))
    serving.start()
    try:
        with context(host, tmp_path, server=False).wrap_socket(theirs) as secure:
            secure.send(b"x")
    except OSError:
        pass
    serving.join()
    return heard == [b"x"]


def test_who_is_invited_is_heard_and_an_invitation_of_another_workspace_is_not(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path / "ours"), Authority(tmp_path / "others")
    assert is_heard(ours.engine(), ours.invite("b", "tls://engine:1").credentials, tmp_path)
    assert not is_heard(ours.engine(), others.invite("b", "tls://engine:1").credentials, tmp_path)
    assert Authority(tmp_path / "ours").engine() == ours.engine(), "an engine that starts again is the same"


def test_an_invitation_is_secret_and_replaces_no_file(tmp_path: Path) -> None:
    invitation = Authority(tmp_path / "cluster").invite("conv-2.lib", "tls://engine.lib:8786")
    path = tmp_path / "conv-2.lib.pem"
    write_invitation(path, invitation)
    assert Invitation.read(path) == invitation
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cluster").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "cluster").iterdir()} == {0o600}
    with pytest.raises(UserError, match="nothing was written"):
        write_invitation(path, invitation)


@pytest.mark.parametrize("text", ["", "name: b\naddress: tls://a:1\n", "schön", "[cluster]\nlisten = 3\n"])
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b.pem"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="is no invitation"):
        Invitation.read(path)
    with pytest.raises(UserError, match="No such file"):
        Invitation.read(tmp_path / "nothing.pem")


@pytest.mark.parametrize("name", ["", "a b", "../b", "-b", "x" * 41, "b\n"])
def test_names_are_those_of_machines(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no name for a host"):
        Authority(tmp_path / "cluster").invite(name, "tls://engine:1")
