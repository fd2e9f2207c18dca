"""Invitations: secret, whole, for one name; and who has none is not heard."""

from __future__ import annotations

import codecs
import json
import socket
import ssl
import threading
from pathlib import Path

import pytest

from engine.failures import UserError
from engine.hosts.host_scratch import take_scratch, what_stays
from engine.hosts.invitations import Authority, Credentials, Invitation, write_invitation
from engine.hosts.revocation import number_of
from engine.hosts.waiting_words import AgainAndAgain
from tests.conftest import MakeWorkspace
from tests.support.command_in_process import complaint, run
from tests.support.host_processes import HostProcess, free_port, settings
from tests.support.waiting import wait_until


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
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))
    assert Invitation.read(path) == invitation, "an editor of another system has saved it"


@pytest.mark.parametrize("text", ["", "name: b\naddress: tls://a:1\n", "schön", "[cluster]\nlisten = 3\n"])
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b.pem"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="is no invitation"):
        Invitation.read(path)
    with pytest.raises(UserError, match="No such file"):
        Invitation.read(tmp_path / "nothing.pem")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name: b", "name: ../../b"),
        ("address: tls://engine:1", "address: tls:engine"),
        ("address: tls://engine:1", "address: tls://engine:one"),
        ("topic: photostat", "topic: photostat\nauthorities: two"),
    ],
)
def test_a_damaged_invitation_is_refused_in_one_line_and_makes_nothing(
    tmp_path: Path, field: str, value: str
) -> None:
    text = Authority(tmp_path / "cluster").invite("b", "tls://engine:1").text()
    assert field in text
    with pytest.raises(UserError, match=r"here is damaged: copy it again from where `photostat host invite`"):
        Invitation.of_text(text.replace(field, value), "here")


@pytest.mark.parametrize("name", ["", "a b", "../b", "-b", "x" * 41, "b\n"])
def test_names_are_those_of_machines(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no name for a host"):
        Authority(tmp_path / "cluster").invite(name, "tls://engine:1")


def test_an_invitation_that_others_may_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "b.pem"
    write_invitation(path, Authority(tmp_path / "cluster").invite("b", "tls://engine:1"))
    path.chmod(0o640)
    with pytest.raises(UserError, match=r"can be read or changed by other users.*`chmod 600 ") as caught:
        Invitation.read(path)
    assert "\n" not in str(caught.value)
    path.chmod(0o400)
    assert Invitation.read(path).name == "b"


def test_to_invite_a_name_again_ends_its_earlier_invitation_and_never_for_nothing(
    workspace: MakeWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(images=1, settings=settings(8786))
    monkeypatch.chdir(tmp_path)
    invited = Authority(root / "cluster").invited
    assert "void" not in run("host", "invite", "b", at=root).stdout
    assert "is there already, and nothing was changed" in complaint("host", "invite", "b", at=root)
    assert invited.void == []
    former = number_of(Invitation.read(tmp_path / "b.pem").credentials.certificate)
    (tmp_path / "b.pem").unlink()
    assert "The earlier invitation of b is void" in run("host", "invite", "b", at=root).stdout
    assert invited.void == [former]
    for name in ("here", "../b", "a b"):
        assert complaint("host", "invite", name, at=root)
    assert "invite whom?" in run("host", "invite", at=root, code=2).stderr
    assert invited.names == ["b"] and [path.name for path in tmp_path.glob("*.pem")] == ["b.pem"]


def test_an_invitation_is_told_as_json_too_and_no_option_is_ignored(
    workspace: MakeWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(images=1, settings=settings(8786))
    monkeypatch.chdir(tmp_path)
    for options in (("--workers", "3"), ("--scratch", tmp_path / "scratch")):
        assert "go with FILE" in complaint("host", "invite", "b", *options, at=root)
    assert "no name or address" in complaint("host", "invite", "b", "--address", "a b", at=root)
    assert not Authority(root / "cluster").invited.names and not (tmp_path / "b.pem").exists()
    told = run("host", "invite", "b", "--address", "10.0.0.5", "--json", at=root)
    assert json.loads(told.stdout) == {
        "host": "b",
        "file": str(tmp_path / "b.pem"),
        "address": "tls://10.0.0.5:8786",
        "replaced": False,
    }
    assert "b.pem invites one machine" in told.stderr
    for option in (("--address", "10.0.0.6"), ("--json",)):
        assert "go with invite" in complaint("host", "b.pem", *option)


def test_a_host_that_ends_before_an_engine_answers_says_what_stays_on_its_scratch(tmp_path: Path) -> None:
    """It was killed before, started again while no engine is there, and ended."""
    invitation = Authority(tmp_path / ".cluster").invite("b", f"tls://127.0.0.1:{free_port()}")
    scratch = tmp_path / "machine-b" / "photostat-b-scratch"
    for number, name in enumerate(["7-1-4711.jpg", "8-1-4711.jpg", "9-1-4711.jpg.part", "other.jpg"]):
        part = scratch / f"photostat-{'0123456789abcdef' if name != 'other.jpg' else 'of-a-person'}"
        part.mkdir(parents=True, exist_ok=True)
        (part / name).write_bytes(bytes(1000 * (number + 1)))
    before = sorted(scratch.rglob("*"))
    host = HostProcess(tmp_path / "ws", "b", invitation=invitation)
    try:
        wait_until(lambda: host.has_said("no engine answers"), "that it waits")
    finally:
        assert host.end() == 0
    assert host.said.count("stays on") == 1
    assert (
        f"stays on {scratch}: 2 JPEGs and 1 unfinished file, 6.00 kB. When it joins again" in host.last_line
    )
    assert "others convert these images" in host.last_line
    assert sorted(scratch.rglob("*")) == before

    for path in scratch.rglob("*.jpg*"):
        path.unlink()
    assert what_stays(scratch) == what_stays(tmp_path / "nowhere") == ""


def test_two_hosts_do_not_take_one_scratch_and_a_host_that_waits_says_so_less_and_less(
    tmp_path: Path,
) -> None:
    assert take_scratch(tmp_path / "scratch"), "it is new"
    with pytest.raises(UserError, match="another `photostat host` works in"):
        take_scratch(tmp_path / "scratch")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--scratch names another directory"):
        take_scratch(tmp_path / "file" / "scratch")
    waits = AgainAndAgain()
    assert [second for second in range(0, 1000, 5) if waits.is_due(float(second))] == [0, 60, 180, 420, 900]
