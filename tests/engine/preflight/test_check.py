"""`photostat check` reports before a run what is probably a mistake."""

from __future__ import annotations

import threading
from typing import NoReturn

import pytest

from engine.preflight import check as preflight
from engine.preflight import header_child
from engine.preflight.result import Preflight
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.s3_relay import Fault, Kind, Relay, Request
from tests.support.wrong_server import Reply, WrongServer


def test_settings_for_a_batch_that_is_not_there_are_a_warning(workspace: MakeWorkspace) -> None:
    settings = (
        "[batch.plats.jpeg]\nquality = 80\n[batch.plates.jpeg]\nquality = 85\n[batch.x.jpeg]\nquality = 70\n"
    )
    root = workspace(images=1, settings=settings)
    printed = photostat("check", workspace=root)
    assert "[batch.plats.jpeg] is for no batch of the ledger: did you mean plates?" in printed.stdout
    assert photostat("check", "--json", workspace=root).json["warnings"] == [
        "[batch.plats.jpeg] is for no batch of the ledger: did you mean plates?",
        "[batch.x.jpeg] is for no batch of the ledger",
    ]


def test_a_scratch_that_cannot_be_used_is_printed(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, settings='[engine]\nscratch = "export.csv"\n')
    printed = photostat("check", workspace=root, expect=1)
    assert "scratch: " in printed.stdout
    assert "not a directory" in printed.stdout


def test_images_behind_a_share_that_hangs_are_not_counted_as_converted(
    workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def never(*of_the_source: object) -> NoReturn:
        answers.wait()
        raise AssertionError

    monkeypatch.setattr(header_child, "examine_source", never)
    monkeypatch.setattr(preflight, "_CHUNK", 2)
    monkeypatch.setattr(preflight, "_MOST_UNANSWERED", 2)
    opened = Workspace(workspace(images=6, settings="[engine]\ntimeout = 1\n"))
    found = preflight.check(opened, opened.config(), 1, None, lambda done, of: None)
    answers.set()
    assert "2 sources in a row do not answer" in (found.share_problem or "")
    assert (found.images, found.converted_meanwhile) == (2, 0)


@pytest.mark.usefixtures("s3_credentials")
@pytest.mark.parametrize(
    ("reply", "named"),
    [
        (
            Reply(302, {"Location": "https://login.example.org/sso"}, b""),
            "a redirect (302) to https://login.example.org",
        ),
        (Reply(), "the reply is not S3's: text/html"),
        (
            Reply(
                200,
                {"Content-Type": "application/xml"},
                b"<ListBucketResult><Contents><Size>x</Size></Contents></ListBucketResult>",
            ),
            "listing s3://jpegs/p/",
        ),
    ],
    ids=["redirect", "page", "nonsense"],
)
def test_a_store_that_is_none_is_named(
    workspace: MakeWorkspace, wrong_server: WrongServer, reply: Reply, named: str
) -> None:
    wrong_server.answer = lambda asked: reply
    settings = f'[store]\nurl = "s3://jpegs/p"\nendpoint = "{wrong_server.endpoint}"\n'
    root = workspace(images=1, settings=settings)
    document = photostat("check", "--json", workspace=root, expect=1).json
    store = document["store"]
    assert document["store_proved"] is False
    assert store["cause"] == "store-unavailable"
    assert named in store["message"]
    assert "fault of photostat" not in store["remedy"]


def test_a_store_that_was_not_tried_is_not_well() -> None:
    result = Preflight()
    assert not result.is_clean and not result.store_is_proved and result.store_failure is None
    assert set(result.store_steps_untried) == {"list", "put", "head", "get", "delete"}


def test_a_check_says_what_it_could_not_try(workspace: MakeWorkspace, relay: Relay, prefix: str) -> None:
    """A store that lets nothing be deleted: the second check finds the first one's object, and still puts one."""
    denied = Fault(Kind.REPLY, 403, "AccessDenied")
    settings = f'[store]\nurl = "s3://jpegs/{prefix}"\nendpoint = "{relay.endpoint}"\n'
    root = workspace(images=1, settings=settings)

    def well() -> None:
        relay.choose_fault = lambda asked: denied if asked.method == "DELETE" else None
        document = photostat("check", "--json", workspace=root).json
        assert document["store"] is None and document["store_proved"] is True
        assert list(document["store_untried"]) == ["delete"]
        assert "AccessDenied" in document["store_untried"]["delete"]
        assert "writable; delete not tried (" in photostat("check", workspace=root).stdout

    def take_no_puts(asked: Request) -> Fault | None:
        if asked.method != "PUT":
            return denied if asked.method == "DELETE" else None
        return Fault(Kind.REPLY, 412, "PreconditionFailed") if "if-none-match" in asked.headers else denied

    well()
    relay.choose_fault = take_no_puts
    document = photostat("check", "--json", workspace=root, expect=1).json
    assert document["store"]["cause"] == "store-denied" and document["store_proved"] is False
    well()
