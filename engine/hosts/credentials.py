"""With what this workspace's engine and hosts show themselves: its own authority's, or those of a Dask cluster."""

from __future__ import annotations

import re
import secrets
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from engine.config import Config
from engine.failures import UserError
from engine.hosts.invitations import TOPIC, Authority, Credentials, Invitation, check_name
from engine.workspace import Workspace

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\n?", re.DOTALL)


FROM_WHERE_SSH_COMES = "*"
"""In an invitation that goes over ssh: the engine's machine, as sshd names it."""


def reachable(listen: str, name: str) -> str:
    """Where others connect: the address to listen at, with this name if that is every address."""
    bound, _, port = listen.removeprefix("tls://").rpartition(":")
    return f"tls://{name if bound in ('0.0.0.0', '[::]', '') else bound}:{port}"


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
        return Invitation(name, address, self._of_the_cluster(), self.topic)

    def _of_the_cluster(self) -> Credentials:
        files = self.config.cluster.tls
        found = {
            what: self._pem(what, path)
            for what, path in (("ca", files.ca), ("cert", files.cert), ("key", files.key))
        }
        credentials = Credentials(found["ca"], found["cert"], found["key"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=credentials.authority)
            context.load_cert_chain(
                self.workspace.root / files.cert, self.workspace.root / files.key, password=lambda: ""
            )
        except (OSError, ValueError) as error:
            why = error.reason if isinstance(error, ssl.SSLError) and error.reason else error
            raise UserError(
                f"[cluster] tls: these files do not belong together, or the key has a password ({why})"
            ) from error
        return credentials

    def _pem(self, what: str, path: str) -> str:
        file = self.workspace.root / Path(path).expanduser()
        try:
            text = file.read_text("ascii")
        except OSError as error:
            raise UserError(f"[cluster] tls: {what} = {path!r}: {error.strerror}") from error
        except UnicodeDecodeError:
            text = ""
        pems = [match[0] for match in _PEM.finditer(text)]
        kind = "PRIVATE KEY" if what == "key" else "CERTIFICATE"
        wanted = [pem for pem in pems if kind in pem.partition("\n")[0]]
        if not wanted:
            raise UserError(f"[cluster] tls: {what} = {path!r} has no {kind.lower()} in PEM form")
        return "".join(pem if pem.endswith("\n") else f"{pem}\n" for pem in wanted)
