"""Before a host connects: whether its invitation holds, and whether what answers is the engine that has invited it.

Dask tries again and again, and does not say why it is not let in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from engine.failures import UserError
from engine.formatting import date_and_second
from engine.hosts.dask_settings import security_of
from engine.hosts.invitations import AUTHORITY, TOPIC, Invitation

_ANSWERS_WITHIN_S = 10.0
_SILENT = "that machine is down, or a firewall drops what is sent to this port"
_EXPIRED, _NOT_YET_VALID = 10, 9
"""X509_V_ERR_CERT_HAS_EXPIRED and X509_V_ERR_CERT_NOT_YET_VALID of OpenSSL."""


async def make_contact(invitation: Invitation) -> None:
    """Raises UserError if this invitation never lets it in, OSError or TimeoutError if nothing answers now."""
    begins, ends = _dates(invitation)
    _check_header(invitation)
    if datetime.now(UTC) < begins:
        when = f"the invitation of {invitation.name} holds from {_shown(begins)} on"
        raise UserError(f"{when}: set this machine's clock, which is behind")
    try:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S), _connected(invitation) as reader:
                await reader.read(1)  # it speaks first, and only after it has looked at our certificate
        except TimeoutError as error:
            raise TimeoutError(f"no answer within {_ANSWERS_WITHIN_S:.0f} s: {_SILENT}") from error
    except (OSError, TimeoutError) as error:
        if datetime.now(UTC) > ends:
            why = f"the invitation of {invitation.name} has expired ({_shown(ends)})"
            raise UserError(f"{why}. {_anew(invitation)}") from None
        if isinstance(error, ssl.SSLError):
            raise _refused(invitation, error) from None
        raise


def reason(error: OSError) -> str:
    """Why nothing answers, for people: `connection refused`."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    is_systems = error.errno is not None and error.errno > 0 and not isinstance(error, ssl.SSLError)
    told = os.strerror(error.errno) if error.errno and is_systems else error.strerror or str(error)
    return told[:1].lower() + told[1:]


def _refused(invitation: Invitation, error: ssl.SSLError) -> UserError | OSError:
    name, address = invitation.name, invitation.address
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.reason or "").lower().replace("_", " ")
        if "alert" not in reason:
            return OSError(f"what is there is no engine of photostat: {reason or error}")
        alert = reason.partition("alert ")[2]
        why = f"the engine at {address} does not accept the invitation of {name} ({alert})"
        if alert == "certificate revoked":
            why = f"somebody has ended the invitation of {name} in the workspace"
    elif error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        found = f"the certificate of the engine at {address} does not hold now ({error.verify_message})"
        return UserError(f"{found}: set the clocks of both machines")
    else:
        why = (
            f"what answers at {address} is not the engine that has invited {name} ({error.verify_message}): it is "
            "another workspace's, or its invitations were ended"
        )
    return UserError(f"{why}. {_anew(invitation)}")


def _anew(invitation: Invitation) -> str:
    name = invitation.name
    return (
        f"`photostat host invite {name}` in the workspace writes a new one, when the old {name}.pem is gone"
    )


@asynccontextmanager
async def _connected(invitation: Invitation) -> AsyncIterator[asyncio.StreamReader]:
    host, _, port = invitation.address.removeprefix("tls://").rpartition(":")
    try:
        context = security_of(invitation.credentials).get_connection_args("worker")["ssl_context"]
    except ssl.SSLError as error:
        raise _damaged(invitation) from error
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await writer.wait_closed()


def _check_header(invitation: Invitation) -> None:
    """A host of another name than its certificate's could be neither forgotten nor told by it."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    certificate = x509.load_pem_x509_certificate(invitation.credentials.certificate.encode())
    of_issuer = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    if [one.value for one in of_issuer] != [AUTHORITY]:
        return  # a Dask cluster's, whose certificates name no host of ours
    names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [invitation.name] or invitation.topic != TOPIC:
        raise UserError(
            f"the invitation of {invitation.name} was written for {', '.join(map(str, names))}, and was changed since: "
            "copy the file again, and invite each machine by a name of its own"
        )


def _dates(invitation: Invitation) -> tuple[datetime, datetime]:
    """From when and until when it holds."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(invitation.credentials.certificate.encode())
    except ValueError as error:
        raise _damaged(invitation) from error
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _shown(moment: datetime) -> str:
    return date_and_second(moment.timestamp())


def _damaged(invitation: Invitation) -> UserError:
    return UserError(f"the invitation of {invitation.name} is damaged: copy the file again")
