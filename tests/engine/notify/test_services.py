"""Messages arrive by POST, mail and apprise's services; what goes wrong is told without the address's secrets."""

from __future__ import annotations

import threading
from base64 import b64encode

import pytest

from engine.config import NotifySettings
from engine.config.notify_urls import secrets_of, shown
from engine.control.snapshot import State
from engine.failures import UserError
from engine.ledger.account import Account
from engine.notify.delivery import Delivery, check_addresses, try_each
from engine.notify.message import FromLedger, Message, message_of
from engine.notify.protocol import Delivered, Hello, Notice, Occasion
from tests.support.notified import MailServer, documents, refusing_port, text_of
from tests.support.waiting import LONGEST_WAIT_S, wait_until
from tests.support.wrong_server import Reply, WrongServer

ENGINE = Hello((), "/data/plates", 77, "1.0", 1000.0, None)


def message() -> Message:
    notice = Notice(
        Occasion.FINISHED, "3 images: 2 done,\n1 failed", State.FINISHED, 4600.0, Account(3, done=2, failed=1)
    )
    ledger = FromLedger({"truncated": 1}, "run     finished\nimages  2 images")
    return message_of(notice, ENGINE, "/data/plates", ledger)


def test_a_post_has_the_keys_that_it_always_had_and_all_that_is_known(wrong_server: WrongServer) -> None:
    assert [
        one.problem for one in try_each([f"{wrong_server.endpoint}/hook"], message(), LONGEST_WAIT_S)
    ] == [""]
    (document,) = documents(wrong_server, "/hook")
    assert (
        document.items()
        >= {
            "event": "finished",
            "text": "3 images: 2 done, 1 failed",
            "workspace": "/data/plates",
            "account": {"rows": 3, "pending": 0, "in_flight": 0, "done": 2, "failed": 1, "accepted": 0},
        }.items()
    )
    assert document["host"] and document["state"] == "finished" and document["seconds"] == 3600.0
    assert document["engine"] == {"pid": 77, "version": "1.0", "started": 1000.0}
    assert document["failures_by_cause"] == {"truncated": 1} and "2 images" in document["report"]


def test_a_user_and_password_in_an_address_are_sent_as_such(wrong_server: WrongServer) -> None:
    url = wrong_server.endpoint.replace("://", "://joe:open%20sesame@") + "/hook?to=all"
    assert [one.problem for one in try_each([url], message(), LONGEST_WAIT_S)] == [""]
    (asked,) = wrong_server.asked
    assert asked.path == "/hook?to=all"
    assert asked.headers["authorization"] == "Basic " + b64encode(b"joe:open sesame").decode()


def test_mail_and_apprises_services_get_a_title_and_the_whole_text(
    wrong_server: WrongServer, mail_server: MailServer
) -> None:
    json_url = wrong_server.endpoint.replace("http://", "json://user:sesame@") + "/apprise"
    assert [one.problem for one in try_each([mail_server.url, json_url], message(), LONGEST_WAIT_S)] == [
        "",
        "",
    ]
    (mail,) = mail_server.mails
    (sent,) = documents(wrong_server, "/apprise")
    assert str(mail["Subject"]).startswith("photostat: finished: plates on")
    assert sent["title"].startswith("photostat: finished: plates on")
    for text in (text_of(mail), sent["message"]):
        assert "3 images: 2 done, 1 failed" in text and "running    for 1 h 00 min" in text
        assert "truncated 1" in text and "images  2 images" in text


@pytest.mark.parametrize("scheme", ["http", "json"])
def test_what_goes_wrong_is_told_without_secrets(scheme: str, wrong_server: WrongServer) -> None:
    place = f"{scheme}://joe:sesame@127.0.0.1:{refusing_port()}/T0KEN/sesame%20open?key=hush"
    refused = wrong_server.endpoint.replace("http", scheme) + "/T0KEN"
    wrong_server.answer = lambda asked: Reply(status=500, body=b"T0KEN")
    away, bad = try_each([place, refused], message(), LONGEST_WAIT_S)
    assert away.problem and "500" in bad.problem, (away, bad)
    for told in (away, bad):
        assert not [s for s in ("sesame", "T0KEN", "hush", "joe") if s in f"{told.problem}{told.address}"], (
            told
        )


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown("https://joe:pw@hooks.example.org:8/T/B?x=y") == "https://hooks.example.org:8/…"
    assert shown("slack://TokenA/TokenB/TokenC") == "slack://…"
    assert set(secrets_of("tgram://12:abc%20d/chat")) >= {"abc d", "abc%20d", "chat"}


def test_an_address_that_apprise_does_not_understand_is_named_without_its_secrets() -> None:
    settings = NotifySettings(urls=("http://127.0.0.1/x", "slakc://sesame/open"))
    with pytest.raises(
        UserError, match=r"\[notify\] urls: apprise does not understand address 2 \(slakc://…\)"
    ) as told:
        check_addresses(settings)
    assert "sesame" not in str(told.value)


class Hanging:
    """An address that takes nothing until it is told to."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.taken: list[str] = []

    def send(self, message: Message) -> None:
        self.may_go_on.wait(LONGEST_WAIT_S)
        self.taken.append(message.document.text)


class Quick:
    def __init__(self) -> None:
        self.taken: list[str] = []

    def send(self, message: Message) -> None:
        self.taken.append(message.document.text)


def test_an_address_that_hangs_delays_no_other_keeps_the_newest_and_is_not_waited_for_for_ever() -> None:
    hanging, quick, reports = Hanging(), Quick(), list[Delivered]()
    delivery = Delivery([hanging, quick], ["http://a", "http://b"], reports.append)
    for number in range(50):
        delivery.send(numbered(number))
        wait_until(lambda n=number: len(quick.taken) == n + 1, "the other address")  # type: ignore[misc]
    assert Delivered(1, "http://a/…", "no answer") in delivery.finish(0.01)
    assert not hanging.taken and len(quick.taken) == 50
    hanging.may_go_on.set()
    wait_until(lambda: hanging.taken and hanging.taken[-1].startswith("message 49"), "the newest")
    assert len(hanging.taken) <= 22 and [report.number for report in reports].count(2) == 50


def numbered(number: int) -> Message:
    notice = Notice(Occasion.MORNING, f"message {number}", State.RUNNING, 4600.0, Account())
    return message_of(notice, ENGINE, "/data/plates", FromLedger())
