"""Messages without credentials: what a library says of a request may quote its URL, its signature or its keys."""

from __future__ import annotations

import re

_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_SIGNED = re.compile(
    r"(?i)\b(X-Amz-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId)=[^&\s,\"']+"
)
_QUERY = re.compile(r"(?<=://)([^\s?\"']+)\?[^\s\"']*")
_KEY_IDS = re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}\b")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without credentials: user, password and query of URLs, signatures, access key ids, and `secrets`."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return _KEY_IDS.sub("***", _SIGNED.sub(r"\1=***", _QUERY.sub(r"\1", _USER_INFO.sub("***@", text))))
