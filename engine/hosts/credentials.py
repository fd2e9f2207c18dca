"""With what this workspace's engine and hosts show themselves: its own authority's, or those of a Dask cluster."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass

from engine.config import Config
from engine.config.tls_files import tls_texts
from engine.failures import UserError, one_line
from engine.hosts.invitations import TOPIC, Authority, Credentials, Invitation, check_name
from engine.workspace import Workspace

FROM_WHERE_SSH_COMES = "*"
"""In an invitation that goes over ssh: the engine's machine, as sshd names it."""

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")


def reachable(listen: str, given: str, own: str) -> str:
    """Where others connect: the name or address that a person has given; without one the address to listen at, or this
    machine's own name if that is every address. Raises UserError for what is no name and no address."""
    bound, _, port = listen.removeprefix("tls://").rpartition(":")
    name = given or (own if bound in ("0.0.0.0", "[::]", "") else bound)
    bare = name.strip("[]")
    if is_ipv6(bare):
        return f"tls://[{bare}]:{port}"
    if given and not _NAME.fullmatch(given):
        raise UserError(
            f"{one_line(given)!r} is no name or address of a machine: give it as in conv1.library.example, 10.0.0.5 or "
            f"fd00::5; the port is that of [cluster] listen, {port}"
        )
    return f"tls://{name}:{port}"


def is_ipv6(text: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.IPv6Address(text)
        return True
    return False


def is_this_machine_only(address: str) -> bool:
    """Whether it means the machine itself on whichever one it is read, as `tls://localhost:8786` does."""
    host = address.removeprefix("tls://").rpartition(":")[0].strip("[]")
    return host.startswith(("localhost", "127.")) or host == "::1"


@dataclass(frozen=True)
class Admission:
    """How hosts of this workspace get in."""

    workspace: Workspace
    config: Config

    def engine(self) -> Credentials:
        """The engine's own. Raises UserError for files of [cluster] tls that cannot be used."""
        if self.config.cluster.scheduler:
            return self._of_the_cluster()
        return Authority(self.workspace.cluster_dir).engine()

    @property
    def topic(self) -> str:
        """On which hosts of this workspace speak: on a scheduler that others use too, one of its own."""
        if not self.config.cluster.scheduler:
            return TOPIC
        kept = self.workspace.cluster_dir / "topic"
        if not kept.exists():
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            unfinished = kept.with_name(f".topic.{secrets.token_hex(4)}")
            unfinished.write_text(f"{TOPIC}-{secrets.token_hex(8)}\n", "ascii")
            unfinished.rename(kept)
        return kept.read_text("ascii").strip()

    def invite(self, name: str, address: str = "") -> Invitation:
        """`address`: by which name other machines reach this one. Raises UserError for a name that is none."""
        cluster = self.config.cluster
        if not cluster.scheduler:
            at = reachable(cluster.listen, address or cluster.address, socket.getfqdn())
            return Authority(self.workspace.cluster_dir).invite(name, at)
        if address:
            raise UserError(
                f"--address is for [cluster] listen: with scheduler, all meet at {cluster.scheduler}"
            )
        return self._to_the_cluster(name)

    def invite_over_ssh(self, name: str) -> Invitation:
        """Who is started over ssh knows from where."""
        cluster = self.config.cluster
        if not cluster.scheduler:
            at = reachable(cluster.listen, cluster.address, FROM_WHERE_SSH_COMES)
            return Authority(self.workspace.cluster_dir).invite(name, at)
        return self._to_the_cluster(name)

    def _to_the_cluster(self, name: str) -> Invitation:
        address = self.config.cluster.scheduler
        check_name(name)
        Authority(self.workspace.cluster_dir).invited.put(name, 0)
        return Invitation(name, address, self._of_the_cluster(), self.topic)

    def _of_the_cluster(self) -> Credentials:
        return Credentials(*tls_texts(self.config.cluster.tls, self.workspace.root))
