"""Who may connect: a certificate authority in the workspace, and invitations, a file for each host.

TLS is both ways: whoever has no certificate of this authority is not heard."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.failures import UserError

_VALID = timedelta(days=3650)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)
_HEADER = """\
# An invitation to convert images for photostat: `photostat host` on the other machine takes it.
# Keep it secret: whoever has it can run programs as the users of the engine and of its hosts.
name: {name}
address: {address}
topic: {topic}
"""
TOPIC = "photostat"
"""On which hosts speak to an engine that has a scheduler of its own."""


@dataclass(frozen=True)
class Credentials:
    """PEM texts."""

    authority: str
    certificate: str
    key: str


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
            text = path.read_text("ascii")
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError:
            text = ""
        return cls.of_text(text, str(path))

    @classmethod
    def of_text(cls, text: str, path: str) -> Invitation:
        """`path` is where it was found. Raises UserError if it is none."""
        fields = {"topic": TOPIC} | dict(
            re.findall(r"^(name|address|topic|authorities): (\S+)$", text, re.MULTILINE)
        )
        pems = [match[0] for match in _PEM.finditer(text)]
        if not {"name", "address", "topic"} <= fields.keys() or len(pems) < 3 or "KEY" not in pems[-1][:40]:
            raise UserError(
                f"{path} is no invitation: `photostat host invite NAME` in the workspace writes one"
            )
        most = int(fields.get("authorities", "1"))
        credentials = Credentials("".join(pems[:most]), "".join(pems[most:-1]), pems[-1])
        return cls(fields["name"], fields["address"], credentials, fields["topic"])


class Authority:
    """In a directory of the workspace that nobody else can enter; made at its first use."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def engine(self) -> Credentials:
        """The engine's own."""
        kept = self._directory / "engine.pem"
        if not kept.exists():
            made = self._issue("photostat engine")
            _write_secret(kept, made.certificate + made.key)
        certificate, key = (match[0] for match in _PEM.finditer(kept.read_text("ascii")))
        return Credentials(self._authority()[0], certificate, key)

    def invite(self, name: str, address: str) -> Invitation:
        """Raises UserError for a name that is none."""
        check_name(name)
        return Invitation(name, address, self._issue(name))

    def _authority(self) -> tuple[str, str]:
        """Its certificate and its key."""
        kept = self._directory / "authority.pem"
        if not kept.exists():
            self._directory.mkdir(mode=0o700, exist_ok=True)
            _write_secret(kept, "".join(_made("photostat authority", None)))
        certificate, key = (match[0] for match in _PEM.finditer(kept.read_text("ascii")))
        return certificate, key

    def _issue(self, name: str) -> Credentials:
        authority = self._authority()
        return Credentials(authority[0], *_made(name, authority))


def check_name(name: str) -> None:
    """Raises UserError for a name that no host can have."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for a host: letters, digits, dots and hyphens, at most 40")


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


def write_invitation(path: Path, invitation: Invitation) -> None:
    """Raises UserError if there is a file already: it may be another machine's."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; nothing was written") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(invitation.text())


def _write_secret(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
