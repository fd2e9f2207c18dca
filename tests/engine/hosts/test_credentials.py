"""Where an invitation leads, with what it lets in, and how one is read from standard input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import ClusterSettings, Config
from engine.config.tls_files import TlsFiles
from engine.failures import UserError
from engine.hosts.credentials import Admission, reachable
from engine.hosts.invitations import TOPIC, Authority, Credentials, Invitation
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.terminals import ROOT

READS = """
from engine.hosts.received_invitation import invitation_of_stdin
import sys
found = invitation_of_stdin()
print(found.name, found.address, sys.stdin.read())
"""


def admission(root: Path, cluster: ClusterSettings) -> Admission:
    root.mkdir(exist_ok=True)
    return Admission(Workspace(root), Config(cluster=cluster))


def test_others_are_led_to_the_name_that_a_person_gives_or_to_where_ssh_comes_from(tmp_path: Path) -> None:
    assert reachable("tls://10.0.0.5:8786", "", "x") == "tls://10.0.0.5:8786"
    assert reachable("tls://10.0.0.5:8786", "gate.lib", "x") == "tls://gate.lib:8786", "as a person says"
    for given in ("fd00::5", "[fd00::5]"):
        assert reachable("tls://[::]:8786", given, "x") == "tls://[fd00::5]:8786"
    for wrong in ("a b", "h:99", "tls://h", "::x", "[", "-h", "x\ny"):
        with pytest.raises(UserError, match="no name or address"):
            reachable("tls://0.0.0.0:8786", wrong, "x")
    named = admission(tmp_path / "a", ClusterSettings("tls://0.0.0.0:8786", address="engine.lib"))
    assert named.invite("b").address == named.invite_over_ssh("b").address == "tls://engine.lib:8786"
    assert named.invite("b", "10.0.0.9").address == "tls://10.0.0.9:8786"
    unnamed = admission(tmp_path / "b", ClusterSettings("tls://0.0.0.0:8786"))
    assert unnamed.invite_over_ssh("b").address == "tls://*:8786"
    assert "*" not in unnamed.invite("b").address and unnamed.topic == TOPIC


def test_who_invites_to_an_address_of_the_machine_itself_is_told_so(workspace: MakeWorkspace) -> None:
    """Many machines call themselves localhost; the invitation would lead each to itself."""
    root = workspace(images=1, settings='[cluster]\nlisten = "tls://0.0.0.0:8786"\n')
    for name, address in (("b", "localhost"), ("c", "conv1.lan"), ("d", "127.0.1.1"), ("e", "10.0.0.5")):
        told = photostat("host", "invite", name, "--address", address, workspace=root, cwd=root).stdout
        assert ("Only this machine itself is reached at" in told) is (name in "bd")
    (root / "photostat.toml").write_text('[cluster]\nlisten = "tls://127.0.0.1:8786"\n')
    assert "Only this machine" not in photostat("host", "invite", "f", workspace=root, cwd=root).stdout


def read_from_stdin(text: str, connection: str | None) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": str(ROOT)} | ({"SSH_CONNECTION": connection} if connection else {})
    return subprocess.run(
        [sys.executable, "-c", READS], input=text, env=env, capture_output=True, text=True, check=False
    )


def test_what_follows_an_invitation_in_standard_input_is_left_there(tmp_path: Path) -> None:
    invited = admission(tmp_path, ClusterSettings("tls://0.0.0.0:8786")).invite_over_ssh("conv2")
    read = read_from_stdin(invited.text(), "10.0.0.5 40000 10.0.0.6 22")
    assert read.stdout == "conv2 tls://10.0.0.5:8786 \n"
    assert read_from_stdin(invited.text(), "fe80::5 40000 fe80::6 22").stdout.startswith(
        "conv2 tls://[fe80::5]:8786"
    )
    assert "set [cluster] address" in read_from_stdin(invited.text(), None).stderr
    for cut in (0, 100, len(invited.text()) - 30):
        assert (
            "what standard input has is no invitation" in read_from_stdin(invited.text()[:cut], None).stderr
        )


def test_with_a_cluster_of_others_each_workspace_has_a_topic_and_bundles_stay_whole(tmp_path: Path) -> None:
    ca, other = Authority(tmp_path / "ca").engine(), Authority(tmp_path / "other").engine()
    for name, text in (
        ("ca.pem", f"a bundle\n{ca.authority}\n{other.authority}"),
        ("cert.pem", ca.certificate),
        ("key.pem", ca.key),
    ):
        (tmp_path / name).write_text(text)
    files = TlsFiles(*(str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")))
    cluster = ClusterSettings(scheduler="tls://scheduler:8786", tls=files)
    one, two = admission(tmp_path / "a", cluster), admission(tmp_path / "b", cluster)
    assert one.topic == one.topic != two.topic != TOPIC
    invited = one.invite("b")
    assert Invitation.of_text(invited.text(), "here") == invited
    assert invited.credentials == Credentials(ca.authority + other.authority, ca.certificate, ca.key)
    assert (invited.address, invited.topic) == ("tls://scheduler:8786", one.topic)
    with pytest.raises(UserError, match="all meet at tls://scheduler:8786"):
        one.invite("b", "10.0.0.5")
    (tmp_path / "key.pem").write_text(other.key)
    with pytest.raises(UserError, match="do not belong together"):
        one.engine()
