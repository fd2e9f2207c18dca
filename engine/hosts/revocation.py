"""The list by which TLS refuses certificates that do not hold any more: a CRL, RFC 5280 section 5."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_VALID = timedelta(days=3650)
_CLOCKS_DIFFER = timedelta(days=1)


def number_of(certificate: str) -> int:
    """The serial number of a PEM certificate."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.encode()).serial_number


def revocation_list(authority: tuple[str, str], numbers: Iterable[int], former: str | None) -> str:
    """A PEM text, signed by the authority (its certificate and key), with the serial numbers of these certificates.

    OpenSSL prefers the later of two lists, by their dates in whole seconds: this one is later than the `former`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    certificate = x509.load_pem_x509_certificate(authority[0].encode())
    key = serialization.load_pem_private_key(authority[1].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    updated = datetime.now(UTC).replace(microsecond=0) - _CLOCKS_DIFFER
    if former is not None:
        before = x509.load_pem_x509_crl(former.encode()).last_update_utc
        updated = max(updated, before + timedelta(seconds=1))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(updated)
        .next_update(updated + _VALID)
    )
    for number in numbers:
        revoked = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(updated).build()
        builder = builder.add_revoked_certificate(revoked)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
