"""`photostat review`: verdicts and approvals from the command line."""

from __future__ import annotations

import csv
import io
import json
import urllib.error
import urllib.request
from pathlib import Path

from engine.control.people import person_at
from tests.conftest import MakeWorkspace
from tests.support.command_in_process import complaint, run
from tests.support.command_line import environment, photostat, start
from tests.support.engine_runs import start_engine_without_share
from tests.support.waiting import LONGEST_WAIT_S


def listed(root: Path, verdict: str) -> list[dict[str, str]]:
    text = run("list", "--csv", "--verdict", verdict, at=root).stdout
    return list(csv.DictReader(io.StringIO(text)))


def test_verdicts_are_recorded_and_listed(collection: Path) -> None:
    said = run("review", "newspapers", "--fine", "6", "--not-fine", "7", "--why", "too dark", at=collection)
    assert "2 verdicts recorded." in said.stdout and "1 fine, 1 not fine" in said.stdout
    assert "`photostat requeue --verdict not-fine --batch newspapers --quality N` converts" in said.stdout
    again = run("review", "newspapers", "--not-fine", "7", "--why", "too dark", at=collection).stdout
    assert "1 verdict already in the ledger." in again
    (image,) = listed(collection, "not-fine")
    me = person_at(None)
    assert (image["id"], image["verdict_why"]) == ("7", "too dark")
    assert image["verdict_by"].startswith(f"{me.user}@")
    (document,) = json.loads(run("list", "--json", "--verdict", "fine", at=collection).stdout)
    assert (document["id"], document["verdict"]) == (6, "fine")
    run("review", "newspapers", "--no-verdict", "6,7", at=collection)
    assert [image["id"] for image in listed(collection, "none")] == ["6", "7"]


def test_an_approval_says_what_is_open_and_wants_a_yes(collection: Path) -> None:
    why_not = complaint("review", "newspapers", "--approve", at=collection)
    assert "5 images failed, 3 images not converted yet: approve it all the same with --yes" in why_not
    approve = ("review", "newspapers", "--approve", "--yes", "--by", "Jane", "--note", "for the exhibition")
    text = run(*approve, at=collection).stdout
    assert "Approved by Jane (" in text and "for the exhibition" in text and "5 failed" in text
    run("requeue", "1", at=collection)
    assert (
        "Changed since the approval: 1 change of its images."
        in run(*approve[:2], "--status", at=collection).stdout
    )
    document = json.loads(run(*approve[:2], "--withdraw", "--json", at=collection).stdout)
    assert (document["approved"], len(document["approvals"])) == (False, 2)
    assert "nothing to withdraw" in run(*approve[:2], "--withdraw", at=collection).stderr


def test_what_cannot_be_recorded_is_refused_in_a_line(collection: Path) -> None:
    for options, why in (
        (("newspapers", "--not-fine", "6"), '--not-fine needs --why "…"'),
        (("newspapers", "--fine", "1"), "image 1 is failed: it has no delivered JPEG; nothing was changed"),
        (("newspapers", "--fine", "99"), "no image 99 in the ledger; nothing was changed"),
        (("newspapers", "--fine", "6", "--no-verdict", "6"), "image 6 is named twice"),
        (("newspapers", "--fine", "6", "--by", "J" * 201), "a name has at most 200 characters; nothing was"),
        (("newspapers", "--fine", "x"), "give ids of images, like 7 or 7,9,12"),
        (("newspapers", "--why", "x"), "--why is for --not-fine"),
        (("newspapers", "--note", "x"), "--note is for --approve or --withdraw"),
        (("maps", "--fine", "6"), "no batch 'maps' in the ledger; there is newspapers"),
    ):
        assert why in complaint("review", *options, at=collection)
    assert not listed(collection, "fine")


def test_a_served_page_records_what_it_sends_and_ends_when_it_is_told(workspace: MakeWorkspace) -> None:
    root = workspace(images=2)
    photostat("run", "--headless", workspace=root)
    env = environment({"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.1 22"})
    command = start("review", "plates", "--serve", workspace=root, env=env)
    assert command.stdout is not None
    url = command.stdout.readline().split()[1]
    port = url.split(":")[2].partition("/")[0]
    assert f"ssh -L {port}:127.0.0.1:{port} " in command.stdout.readline()
    with urllib.request.urlopen(url) as page:
        html = page.read().decode()
    assert "connect-src 'self'" in html
    facts = json.loads(html.partition('id="facts">')[2].partition("</script>")[0])
    first = facts["images"][0]
    verdict = {"id": first["id"], "md5": first["md5"], "verdict": "fine", "given": facts["made"], "why": ""}
    approval = {"given": facts["made"], "changes": facts["changes"], "not_fine": 0, "note": ""}
    answers = {"photostat_review": 1, "ledger": facts["ledger"], "batch": "plates", "reviewer": "Jane"}

    def send(place: str, document: object) -> str:
        headers = {"Origin": url[: url.index("/", 8)], "Content-Type": "application/json"}
        request = urllib.request.Request(url + place, json.dumps(document).encode(), headers)
        try:
            with urllib.request.urlopen(request) as reply:
                return str(reply.read().decode())
        except urllib.error.HTTPError as refusal:
            return f"{refusal.code}: {refusal.read().decode()}"

    assert send("answers", "text").startswith(
        "409: Nothing was recorded: the page: these are not the answers"
    )
    told = send("answers", {**answers, "verdicts": [verdict], "approval": approval})
    assert told.splitlines() == ["1 verdict recorded.", "Batch plates is approved."]
    assert "another workspace" in send("answers", {**answers, "ledger": "x", "verdicts": []})
    assert send("finish", {}) == "finished"
    stdout, stderr = command.communicate(timeout=LONGEST_WAIT_S)
    assert command.returncode == 0 and stdout.splitlines()[-1] == "Finished."
    assert "another workspace" in stderr
    standing = photostat("review", "plates", "--status", "--json", workspace=root).json
    assert (standing["fine"], standing["approved"]) == (1, True)


def test_a_running_engine_records_what_people_say(workspace: MakeWorkspace) -> None:
    root = workspace(images=2)
    photostat("run", "--headless", workspace=root)
    photostat("add", add_one(root), "--batch", "plates", workspace=root)
    start_engine_without_share(root)
    said = photostat("review", "plates", "--not-fine", "1", "--why", "dark", "--json", workspace=root).json
    assert said["taken"]["recorded"] == [1] and said["not_fine"] == 1
    refused = photostat("review", "plates", "--approve", workspace=root, expect=2).stderr
    assert "batch plates has 1 image not fine" in refused
    approved = photostat("review", "plates", "--approve", "--yes", "--by", "Jane", workspace=root)
    me = person_at(None)
    assert f"Approved by Jane ({me.user}@" in approved.stdout
    events = photostat("events", "--json", workspace=root)
    assert "batch plates approved, by Jane" in events.stdout
    photostat("stop", workspace=root)


def add_one(root: Path) -> Path:
    """An export with one more image, so that something is left to do."""
    export = root / "more.csv"
    export.write_text(f"{'0' * 8}-0000-4000-8000-{'0' * 12},B9,R9,late.tif,plates,{root}/source/late.jp2\n")
    return export
