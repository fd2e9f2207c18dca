"""Stores that are none, are the wrong ones, or are not well: what a relay answers in an S3 server's place."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.s3_relay import ChooseFault, Fault, Kind, Request

LOGIN = "https://login.example.org/sso?token=hunter2"


@dataclass(frozen=True)
class WrongStore:
    name: str
    choose_fault: ChooseFault
    words: str
    """A part of what the hold says."""


def _always(name: str, words: str, fault: Fault) -> WrongStore:
    return WrongStore(name, lambda asked: fault, words)


def _redirect(status: int, location: str = LOGIN) -> WrongStore:
    where = location.partition("?")[0]
    fault = Fault(Kind.REPLY, status, "MovedPermanently", location=location)
    return _always(f"redirect-{status}", f"a redirect ({status}) to {where}", fault)


def _error(name: str, status: int, code: str, words: str, text: str = "") -> WrongStore:
    return _always(name, words, Fault(Kind.REPLY, status, code, text=text))


def _refuses_jpegs(status: int, code: str) -> ChooseFault:
    """A policy that takes small objects of other kinds, as `check` puts one."""
    fault = Fault(Kind.REPLY, status, code)

    def choose(asked: Request) -> Fault | None:
        return fault if asked.method == "PUT" and asked.headers.get("content-type") == "image/jpeg" else None

    return choose


def _http_to_https() -> WrongStore:
    return WrongStore(
        "http-to-https",
        lambda asked: Fault(
            Kind.REPLY, 301, "Moved", location=f"https://{asked.headers['host']}{asked.path}"
        ),
        "a redirect (301) to https://127.0.0.1",
    )


LOGIN_PAGE = "<html><title>Sign in</title><body><form action='/sso'><input name='user'></form></body></html>"
WRONG_STORES = (
    *(_redirect(status) for status in (301, 302, 303, 307, 308)),
    _http_to_https(),
    _always("login-page", "the reply is not S3's: text/html", Fault(Kind.PAGE, text=LOGIN_PAGE)),
    _always("maintenance-page", "the reply is not S3's: text/html", Fault(Kind.PAGE)),
    _error("wrong-region", 400, "AuthorizationHeaderMalformed", "region under [store]", "unexpected scope"),
    _error("bucket-gone", 404, "NoSuchBucket", "NoSuchBucket"),
    _error("forbidden", 403, "AccessDenied", "AccessDenied"),
    _error("clock-skew", 403, "RequestTimeTooSkewed", "set the clock"),
    WrongStore("refuses-jpegs", _refuses_jpegs(400, "InvalidRequest"), "Is this the right store?"),
    WrongStore("denies-jpegs", _refuses_jpegs(403, "AccessDenied"), "AccessDenied"),
    WrongStore("too-large", _refuses_jpegs(413, "EntityTooLarge"), "Is this the right store?"),
    WrongStore("quota", _refuses_jpegs(507, "QuotaExceeded"), "no room"),
    _error("server-errors", 500, "InternalError", "InternalError"),
    _error("slow-down", 503, "SlowDown", "SlowDown"),
    _always("reset", "", Fault(Kind.RESET)),
)


def poor_store(asked: Request) -> Fault | None:
    """One that lacks what photostat can do without, all at once."""
    if asked.method == "HEAD":
        return Fault(Kind.DROP_ETAG)
    if asked.method == "PUT" and "if-none-match" in asked.headers:
        return Fault(Kind.REPLY, 400, "InvalidArgument")
    if asked.method == "GET" and "uploads" in asked.path:
        return Fault(Kind.REPLY, 500, "InternalError")
    return Fault(Kind.DROP_TOKEN) if "list-type=2" in asked.path else None
