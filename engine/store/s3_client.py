"""The connection to an S3 bucket: boto3's client as photostat needs it; each of its exceptions becomes a StoreError."""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.client import responses
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from engine.config import StoreSettings
from engine.failures import Cause, UserError
from engine.messages import FaultKind
from engine.store.bandwidth import BandwidthLimit, PacedBody, limit_of
from engine.store.base import StoreError
from engine.store.errors import classify_s3_error
from engine.store.redaction import redact
from engine.store.s3_replies import UnexpectedReply, check_reply

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
log = logging.getLogger(__name__)

_ENDPOINT_HINT = (
    "Correct this machine's network or certificates, then resume; or endpoint under [store], "
    "then `photostat stop` and `run` again."
)
_NEVER_ANSWERED_HINT = (
    "Nothing has answered there yet. If endpoint under [store] is wrong, correct it, then `photostat stop` and `run` "
    "again; if the store is down, the engine continues by itself when it is up."
)
_CREDENTIALS_HINT = (
    "Give AWS credentials by a profile or a role, then resume; or by AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, then `photostat stop` and `run` again, or on another machine `photostat host` there."
)


_PACED_FROM_BYTES = 4 << 10
"""Smaller bodies are those of probes and of requests about parts: they wait for no transfer."""


class S3Limits(Struct, frozen=True):
    """Sizes and times of the S3 store; tests make them small."""

    multipart_bytes: int = 64 << 20
    """Larger JPEGs go up in parts."""
    part_bytes: int = 16 << 20
    """S3 takes no parts under 5 MiB, and no more than 10,000 of them."""
    in_memory_bytes: int = 8 << 20
    """Smaller bodies are sent from memory, and then without `Expect: 100-continue`, which costs a round trip."""
    connect_timeout_s: float = 10.0
    """Also bounds a send that stalls: urllib3 uses it as the socket's timeout until the body is sent."""
    read_timeout_s: float = 60.0


class ErrorReply(Exception):
    """An error reply, for callers that can make use of it; `error` is what it means for all others."""

    def __init__(self, status: int, code: str, error: StoreError) -> None:
        super().__init__(str(error))
        self.status = status
        self.code = code
        self.error = error


class S3Location(Struct, frozen=True):
    """What s3://bucket/prefix names."""

    bucket: str
    prefix: str
    """With a slash at its end, or empty."""


def parse_url(url: str) -> S3Location:
    """Bucket and prefix in an s3:// URL; raises UserError."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise UserError(
            f'store.url is "{redact(url)}": an S3 store is written s3://bucket or s3://bucket/prefix'
        )
    prefix = parts.path.strip("/")
    return S3Location(parts.netloc, f"{prefix}/" if prefix else "")


class Bucket:
    """A bucket behind boto3. The client is made at the first request, because making it reads the credentials."""

    def __init__(
        self, settings: StoreSettings, limits: S3Limits, bandwidth: BandwidthLimit | None = None
    ) -> None:
        self.location = parse_url(settings.url)
        self.name = self.location.bucket
        self._settings = settings
        self._limits = limits
        self._making = threading.Lock()
        self._client: S3Client | None = None
        self._secrets: tuple[str, ...] = ()
        self._has_answered = False
        """Since this was made."""
        self._limit = bandwidth or limit_of(settings.bandwidth_limit)

    def call(self, what: str, request: Callable[[S3Client], T]) -> T:
        """The reply to one request. Raises ErrorReply for an error reply, StoreError for every other failure."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer = request(self._current_client())
        except ClientError as error:
            document: dict[str, Any] = dict(error.response)
            status = int(document.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = str(document.get("Error", {}).get("Code") or status)  # a page that is XML has an empty one
            self._has_answered |= code != "400"  # what a TLS server answers to plain HTTP: not the store yet
            said = document.get("Error", {}).get("Message") or responses.get(status, "")
            message = redact(str(said), self._secrets)
            reply = ErrorReply(status, code, classify_s3_error(code, status, message, what))
            self._forget_when_denied(reply.error)
            raise reply from None
        except (BotoCoreError, ResponseParserError, ValueError) as error:
            failed = classify_boto_error(error, f"{what}: {redact(str(error), self._secrets)}")
            self._forget_when_denied(failed)
            raise self._mark_never_answered(failed) from None
        except UnexpectedReply as error:
            text = f"{what}: {redact(str(error), self._secrets)}"
            raise StoreError(error.fault, Cause.STORE_UNAVAILABLE, text, error.hint) from None
        except OSError as error:
            text = f"{what}: {redact(str(error), self._secrets)}"
            failed = StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, text)
            raise self._mark_never_answered(failed) from None
        except Exception as error:  # of boto3, about a reply that nobody foresaw: never the image's fault
            log.exception("%s: an unforeseen error", what)
            text = f"{what}: {type(error).__name__}: {redact(str(error), self._secrets)}"
            failed = StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, text)
            raise self._mark_never_answered(failed) from None
        self._has_answered = True
        return answer

    def run(self, what: str, request: Callable[[S3Client], T]) -> T:
        """`call` for a request whose error replies are of no use to the caller: raises StoreError only."""
        try:
            return self.call(what, request)
        except ErrorReply as reply:
            raise reply.error from None

    def close(self) -> None:
        """See Store."""
        if self._client is not None:
            self._client.close()

    def _current_client(self) -> S3Client:
        with self._making:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _make_client(self) -> S3Client:
        """Without retries and checksums of botocore: both are ours (see `engine.store` and s3.py)."""
        import boto3
        from botocore.config import Config

        settings, limits = self._settings, self._limits
        session = boto3.session.Session()
        credentials = session.get_credentials()
        if credentials is not None:
            frozen = credentials.get_frozen_credentials()
            self._secrets = tuple(s for s in (frozen.secret_key, frozen.token, frozen.access_key) if s)
        client = session.client(
            "s3",
            endpoint_url=settings.endpoint or None,
            region_name=region_of(settings, os.environ) or session.region_name or "us-east-1",
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
        # With the star it comes before botocore's own handler, which makes 500 of a 200 without XML.
        client.meta.events.register("before-parse.*", _check_reply)
        client.meta.events.register("before-send.*", _write_headers_as_text)
        if self._limit is not None:
            client.meta.events.register("before-send.*", partial(_pace, limit=self._limit))
        return client

    def _mark_never_answered(self, error: StoreError) -> StoreError:
        """While nothing has ever answered, the address may as well be wrong as the store be down."""
        if self._has_answered or error.fault is not FaultKind.TRANSIENT:
            return error
        failure = error.failure
        return StoreError(
            error.fault, failure.cause, failure.message, _NEVER_ANSWERED_HINT, never_answered=True
        )

    def _forget_when_denied(self, error: StoreError) -> None:
        """The next request reads the credentials again, because somebody may have corrected them."""
        if error.fault is FaultKind.CONFIGURATION and error.failure.cause is Cause.STORE_DENIED:
            with self._making:
                self._client = None


def _check_reply(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:
    """Called by botocore with each reply before it is parsed; raises UnexpectedReply."""
    body = response_dict["body"]
    headers = {name.lower(): str(value) for name, value in response_dict["headers"].items()}
    check_reply(
        operation_model.name, response_dict["status_code"], headers, body if isinstance(body, bytes) else b""
    )


def _write_headers_as_text(request: Any, **_: object) -> None:
    """Called by botocore with each request. Over a 303, urllib3 stumbles at bytes before it gives up redirects."""
    for name, value in list(request.headers.items()):
        if isinstance(value, bytes):
            request.headers[name] = value.decode("latin-1")


def _pace(request: Any, limit: BandwidthLimit, **_: object) -> None:
    """Called by botocore with each request, which is signed by then: reading its body again for that took no time."""
    body = io.BytesIO(request.body) if isinstance(request.body, bytes) else request.body
    if int(request.headers.get("Content-Length") or 0) >= _PACED_FROM_BYTES:
        request.body = PacedBody(body, limit)


def classify_boto_error(error: Exception, message: str) -> StoreError:
    """The store error behind an exception of boto3 that is no reply; `message` has no secrets in it."""
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
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_DENIED, message, _CREDENTIALS_HINT)
    misconfigured = (ValueError, boto.ParamValidationError, boto.EndpointProviderError, ResponseParserError)
    if isinstance(error, misconfigured) or _is_wrong_endpoint(error):
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _ENDPOINT_HINT)
    return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, message)


def _is_wrong_endpoint(error: Exception) -> bool:
    """An unknown host name, an untrusted certificate, or TLS to a server without it: waiting does not help."""
    from botocore.exceptions import EndpointConnectionError, SSLError

    if isinstance(error, SSLError):
        return "CERTIFICATE_VERIFY" in str(error).upper() or "WRONG_VERSION_NUMBER" in str(error).upper()
    return isinstance(error, EndpointConnectionError) and "resolve" in str(error.kwargs.get("error", ""))


def region_of(settings: StoreSettings, environment: Mapping[str, str]) -> str:
    """As set, or as the environment has it: boto3 reads AWS_DEFAULT_REGION, other programs AWS_REGION. Often empty."""
    return settings.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", "")


def addressing(settings: StoreSettings) -> Literal["auto", "path", "virtual"]:
    """For botocore. "auto" is the path style at endpoints other than Amazon's, because few have a DNS name a bucket."""
    if settings.addressing == "path":
        return "path"
    if settings.addressing == "virtual":
        return "virtual"
    if not settings.endpoint:
        return "auto"
    host = urlsplit(settings.endpoint).hostname or ""
    return "auto" if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else "path"
