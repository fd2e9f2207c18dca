"""With what this workspace's engine and hosts show themselves: its own authority's, or those of a Dask cluster."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass

from engine.config import Config
from engine.config.tls_files import tls_texts
from engine.hosts.invitations import TOPIC, Authority, Credentials, Invitation, check_name
from engine.workspace import Workspace

FROM_WHERE_SSH_COMES = "*"
"""In an invitation that goes over ssh: the engine's machine, as sshd names it."""


def reachable(listen: str, name: str) -> str:
    """Where others connect: the address to listen at, with this name if that is every address."""
    bound, _, port = listen.removeprefix("tls://").rpartition(":")
    return f"tls://{name if bound in ('0.0.0.0', '[::]', '') else bound}:{port}"


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
            at = reachable(cluster.listen, address or cluster.address or socket.getfqdn())
            return Authority(self.workspace.cluster_dir).invite(name, at)
        return self._to_the_cluster(name)

    def invite_over_ssh(self, name: str) -> Invitation:
        """Who is started over ssh knows from where."""
        cluster = self.config.cluster
        if not cluster.scheduler:
            at = reachable(cluster.listen, cluster.address or FROM_WHERE_SSH_COMES)
            return Authority(self.workspace.cluster_dir).invite(name, at)
        return self._to_the_cluster(name)

    def _to_the_cluster(self, name: str) -> Invitation:
        address = self.config.cluster.scheduler
        check_name(name)
        Authority(self.workspace.cluster_dir).invited.put(name, 0)
        return Invitation(name, address, self._of_the_cluster(), self.topic)

    def _of_the_cluster(self) -> Credentials:
        return Credentials(*tls_texts(self.config.cluster.tls, self.workspace.root))
