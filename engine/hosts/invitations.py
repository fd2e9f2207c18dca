"""Who may connect: a certificate authority in the workspace, and invitations, a file for each host.

TLS is both ways: whoever has no certificate of this authority is not heard."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.failures import UserError, one_line
from engine.hosts.base import HERE
from engine.hosts.invited import Invited, write_secret
from engine.hosts.revocation import number_of, revocation_list

_LONGEST = 64 << 10
"""Bytes of an invitation's file; one has about 3,000."""
_VALID = timedelta(days=3650)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
_ADDRESS = re.compile(r"tls://(?:\[[0-9a-fA-F:.%]+\]|[^\s/:\[\]]+):\d{1,5}")
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)
_HEADER = """\
# An invitation to convert images for photostat: `photostat host` on the other machine takes it.
# Keep it secret: whoever has it can run programs as the users of the engine and of its hosts.
name: {name}
address: {address}
topic: {topic}
"""
AUTHORITY = "photostat authority"
"""Who signs the certificates of a workspace that has no Dask cluster."""
TOPIC = "photostat"
"""On which hosts speak to an engine that has a scheduler of its own."""


@dataclass(frozen=True)
class Credentials:
    """PEM texts."""

    authority: str
    certificate: str
    key: str
    revocations: str = ""
    """The engine's: the path of the list of certificates that do not hold any more."""


@dataclass(frozen=True)
class Invitation:
    name: str
    address: str
    """Of the engine, `tls://HOST:PORT`."""
    credentials: Credentials
    topic: str = TOPIC

    def text(self) -> str:
        pems = self.credentials
        header = _HEADER.format(name=self.name, address=self.address, topic=self.topic)
        if (count := len(_PEM.findall(pems.authority))) != 1:  # a Dask cluster's: a bundle
            header += f"authorities: {count}\n"
        return f"{header}{pems.authority}{pems.certificate}{pems.key}"

    @classmethod
    def read(cls, path: Path) -> Invitation:
        """Raises UserError if it is none."""
        try:
            with path.open("rb") as file:
                text = file.read(_LONGEST).decode("utf-8-sig")
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError:
            text = ""
        invitation = cls.of_text(text, str(path))
        _check_private(path)
        return invitation

    @classmethod
    def of_text(cls, text: str, path: str) -> Invitation:
        """`path` is where it was found. Raises UserError if it is none.

        Its lines may end as another system's do: files are copied through windows and mails."""
        text = text.replace("\r\n", "\n")
        fields = {"topic": TOPIC} | dict(
            re.findall(r"^(name|address|topic|authorities): (\S+)$", text, re.MULTILINE)
        )
        pems = [match[0] for match in _PEM.finditer(text)]
        if not {"name", "address", "topic"} <= fields.keys() or len(pems) < 3 or "KEY" not in pems[-1][:40]:
            raise UserError(
                f"{path} is no invitation: `photostat host invite NAME` in the workspace writes one"
            )
        most = fields.get("authorities", "1")
        if not (
            _NAME.fullmatch(fields["name"]) and _ADDRESS.fullmatch(fields["address"]) and most.isdecimal()
        ):
            raise UserError(f"{path} is damaged: copy it again from where `photostat host invite` wrote it")
        count = int(most)
        credentials = Credentials("".join(pems[:count]), "".join(pems[count:-1]), pems[-1])
        return cls(fields["name"], fields["address"], credentials, fields["topic"])


class Authority:
    """In a directory of the workspace that nobody else can enter; made at its first use."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.invited = Invited(directory)

    @property
    def revocations(self) -> Path:
        """The list of certificates that do not hold any more, as TLS reads it (a CRL, RFC 5280)."""
        return self._directory / "revoked.pem"

    def engine(self) -> Credentials:
        """The engine's own."""
        kept = self._directory / "engine.pem"
        if not kept.exists():
            made = self._issue("photostat engine")
            write_secret(kept, made.certificate + made.key)
        certificate, key = (match[0] for match in _PEM.finditer(kept.read_text("ascii")))
        if not self.revocations.exists():
            self._write_revocations()
        return Credentials(self._authority()[0], certificate, key, str(self.revocations))

    def invite(self, name: str, address: str) -> Invitation:
        """An earlier invitation of this name is void from now on. Raises UserError for a name that is none."""
        check_name(name)
        credentials = self._issue(name)
        self.invited.put(name, number_of(credentials.certificate))
        self._write_revocations()
        return Invitation(name, address, credentials)

    def withdraw(self, name: str) -> bool:
        """The invitation of this name is void from now on; False if it was before. Raises UserError for a name that
        was never invited."""
        self.invited.check_known(name)
        if not self.invited.has_holding(name):
            return False
        self.invited.put(name, None)
        self._write_revocations()
        return True

    def _write_revocations(self) -> None:
        authority = self._authority()
        former = self.revocations.read_text("ascii") if self.revocations.exists() else None
        write_secret(self.revocations, revocation_list(authority, self.invited.void, former))

    def _authority(self) -> tuple[str, str]:
        """Its certificate and its key."""
        kept = self._directory / "authority.pem"
        if not kept.exists():
            self._directory.mkdir(mode=0o700, exist_ok=True)
            write_secret(kept, "".join(_made(AUTHORITY, None)))
        certificate, key = (match[0] for match in _PEM.finditer(kept.read_text("ascii")))
        return certificate, key

    def _issue(self, name: str) -> Credentials:
        authority = self._authority()
        return Credentials(authority[0], *_made(name, authority))


def check_name(name: str) -> None:
    """Raises UserError for a name that no host can have."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{one_line(name)!r} is no name for a host: letters, digits, dots and hyphens, at most 40, and a letter "
            "or a digit first"
        )
    if name.lower() == HERE:
        raise UserError(f"{HERE} is the name of the engine's own machine: give the other one another name")


def _made(name: str, issuer: tuple[str, str] | None) -> tuple[str, str]:
    """A certificate and its key; its own issuer if None."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_name, issuer_key = subject, key
    if issuer is not None:
        issuer_name = x509.load_pem_x509_certificate(issuer[0].encode()).subject
        loaded = serialization.load_pem_private_key(issuer[1].encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        issuer_key = loaded
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def _check_private(path: Path) -> None:
    """A file that others may read may be in other hands; a pipe is nobody's."""
    status = path.stat()
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        raise UserError(
            f"{path} can be read or changed by other users of this machine, and whoever has it can run programs here: "
            f"`chmod 600 {path}`, then try again; if others may have read it, have a new one written"
        )


def check_writable(path: Path) -> None:
    """Before an invitation is made, which ends an earlier one. Raises UserError if it cannot be written there, or if
    there is a file already: it may be another machine's."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise UserError(
            f"{path} is there already, and nothing was changed: move it away for a new invitation, which ends that one"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; nothing was changed") from error
    path.unlink()


def write_invitation(path: Path, invitation: Invitation) -> None:
    """Raises UserError if there is a file already: it may be another machine's."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; nothing was written") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(invitation.text())
