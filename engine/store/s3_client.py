"""The way to an S3 bucket: the client as photostat needs it, and every exception of it sorted into a trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from engine.config import StoreSettings
from engine.failures import Cause, UserError
from engine.messages import FaultKind
from engine.store.base import StoreError
from engine.store.errors import classify_s3_error
from engine.store.redaction import redact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

_ENDPOINT_HINT = (
    "Correct this machine's network or certificates, then resume; or endpoint under [store], "
    "then `photostat stop` and `run` again."
)
_UNHEARD_HINT = (
    "Nothing has answered there yet. If endpoint under [store] is wrong, correct it, then `photostat stop` and `run` "
    "again; if the store is down, the engine goes on by itself when it is up."
)
_CREDENTIALS_HINT = (
    "Give AWS credentials by a profile or a role, then resume; or by AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, then `photostat stop` and `run` again."
)


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes and times of the S3 store; tests make them small."""

    multipart_bytes: int = 64 << 20
    """Larger JPEGs go up in parts."""
    part_bytes: int = 16 << 20
    """5 MiB at least, says S3; 10,000 parts at most."""
    in_memory_bytes: int = 8 << 20
    """Smaller bodies are sent from memory, without asking the server first (Expect: 100-continue)."""
    connect_timeout_s: float = 10.0
    """Bounds a send that stalls, too: urllib3 leaves the socket at it until the body is out."""
    read_timeout_s: float = 60.0


class Reply(Exception):
    """An error reply that the caller may know what to do with; `trouble` is what it means when nobody does."""

    def __init__(self, status: int, code: str, fault: StoreError) -> None:
        super().__init__(str(fault))
        self.status = status
        self.code = code
        self.fault = fault


@dataclass(frozen=True)
class Place:
    """What s3://bucket/prefix names."""

    bucket: str
    prefix: str
    """With a slash at its end, or empty."""


def parse_url(url: str) -> Place:
    """The place an s3:// URL names; raises UserError."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise UserError(
            f'store.url is "{redact(url)}": an S3 store is written s3://bucket or s3://bucket/prefix'
        )
    prefix = parts.path.strip("/")
    return Place(parts.netloc, f"{prefix}/" if prefix else "")


class Bucket:
    """A bucket behind boto3. `call` runs one request; the client is made at first use, for that reads credentials."""

    def __init__(self, settings: StoreSettings, limits: Limits) -> None:
        self.place = parse_url(settings.url)
        self.name = self.place.bucket
        self._settings = settings
        self._limits = limits
        self._making = threading.Lock()
        self._client: S3Client | None = None
        self._secrets: tuple[str, ...] = ()
        self._heard = False
        """Whether anything has ever answered."""

    def call(self, what: str, request: Callable[[S3Client], T]) -> T:
        """The reply to one request. Raises Reply for an error reply, StoreError for everything else."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer = request(self._made())
        except ClientError as error:
            document: dict[str, Any] = dict(error.response)
            status = int(document.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = str(document.get("Error", {}).get("Code", status))
            self._heard |= code != "400"  # a server of TLS says a bare 400 to HTTP
            message = redact(str(document.get("Error", {}).get("Message", "")), self._secrets)
            reply = Reply(status, code, classify_s3_error(code, status, message, what))
            self._forget_when_denied(reply.fault)
            raise reply from None
        except (BotoCoreError, ResponseParserError, ValueError) as error:
            fault = classify_boto_error(error, f"{what}: {redact(str(error), self._secrets)}")
            self._forget_when_denied(fault)
            raise self._doubting_the_endpoint(fault) from None
        except OSError as error:
            said = f"{what}: {redact(str(error), self._secrets)}"
            fault = StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, said)
            raise self._doubting_the_endpoint(fault) from None
        self._heard = True
        return answer

    def ask(self, what: str, request: Callable[[S3Client], T]) -> T:
        """The reply to one request whose error replies are nothing but trouble; raises StoreError only."""
        try:
            return self.call(what, request)
        except Reply as reply:
            raise reply.fault from None

    def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            self._client.close()

    def _made(self) -> S3Client:
        with self._making:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _make(self) -> S3Client:
        """Retries are ours, so that each is seen, jittered and counted; so are the checksums (see s3.py)."""
        import boto3
        from botocore.config import Config

        settings, limits = self._settings, self._limits
        session = boto3.session.Session()
        credentials = session.get_credentials()
        if credentials is not None:
            frozen = credentials.get_frozen_credentials()
            self._secrets = tuple(s for s in (frozen.secret_key, frozen.token, frozen.access_key) if s)
        return session.client(
            "s3",
            endpoint_url=settings.endpoint or None,
            region_name=session.region_name or "us-east-1",
            config=Config(
                connect_timeout=limits.connect_timeout_s,
                read_timeout=limits.read_timeout_s,
                max_pool_connections=settings.transfers + 4,
                tcp_keepalive=True,
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": addressing(settings)},
                user_agent_extra="photostat",
            ),
        )

    def _doubting_the_endpoint(self, fault: StoreError) -> StoreError:
        """Where nothing has ever answered, the address is as likely to be wrong as the store to be down."""
        if self._heard or fault.fault is not FaultKind.TRANSIENT:
            return fault
        failure = fault.failure
        return StoreError(fault.fault, failure.cause, failure.message, _UNHEARD_HINT, never_answered=True)

    def _forget_when_denied(self, fault: StoreError) -> None:
        """The next request reads the credentials anew: somebody may have corrected them."""
        if fault.fault is FaultKind.CONFIGURATION and fault.failure.cause is Cause.STORE_DENIED:
            with self._making:
                self._client = None


def classify_boto_error(error: Exception, said: str) -> StoreError:
    """The trouble behind an exception of boto3 that is no reply; `said` is the message, without secrets."""
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    no_credentials = (
        boto.NoCredentialsError,
        boto.PartialCredentialsError,
        boto.CredentialRetrievalError,
        boto.TokenRetrievalError,
        boto.ProfileNotFound,
        boto.ConfigParseError,
    )
    if isinstance(error, no_credentials):
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_DENIED, said, _CREDENTIALS_HINT)
    unusable = (ValueError, boto.ParamValidationError, boto.EndpointProviderError, ResponseParserError)
    if isinstance(error, unusable) or _wrong_endpoint(error):
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, said, _ENDPOINT_HINT)
    return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, said)


def _wrong_endpoint(error: Exception) -> bool:
    """A name nobody knows, a certificate nobody signed, TLS to a server without: no waiting cures these."""
    from botocore.exceptions import EndpointConnectionError, SSLError

    if isinstance(error, SSLError):
        return "CERTIFICATE_VERIFY" in str(error).upper() or "WRONG_VERSION_NUMBER" in str(error).upper()
    return isinstance(error, EndpointConnectionError) and "resolve" in str(error.kwargs.get("error", ""))


def addressing(settings: StoreSettings) -> Literal["auto", "path", "virtual"]:
    """auto means the path style at an endpoint that is not Amazon's: few have a name for every bucket in DNS."""
    if settings.addressing == "path":
        return "path"
    if settings.addressing == "virtual":
        return "virtual"
    if not settings.endpoint:
        return "auto"
    host = urlsplit(settings.endpoint).hostname or ""
    return "auto" if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else "path"
