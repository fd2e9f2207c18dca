"""Reviews: the sample finds what is likeliest to be wrong, the page shows what was delivered, answers are checked."""

from __future__ import annotations

import http.client
import json
import math
import socket
import struct
import threading
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st

from engine.failures import UserError
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import Candidate
from engine.reports.review.answers import MOST_BYTES, check_answers, read_answers
from engine.reports.review.crops import Place, choose_crops
from engine.reports.review.draw import Reason, draw, how_drawn
from engine.reports.review.look import ReviewedImage
from engine.reports.review.server import ReviewServer, Said
from engine.reports.review.write import ReviewRequest, make_review
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.html_checks import evaluate_in_browser, self_contained_page
from tests.support.ledgers import make_ledger
from tests.support.waiting import LONGEST_WAIT_S

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        id=st.integers(1, 10_000),
        psnr=st.one_of(st.none(), st.floats(20, 60), st.just(math.inf)),
        pixels=st.integers(1, 10**9),
        is_warned=st.booleans(),
        kind=st.one_of(st.none(), st.integers(1, 6)),
    ),
    unique_by=lambda one: one.id,
    max_size=80,
)


@given(CANDIDATES, st.integers(1, 40), st.integers())
def test_a_sample_has_the_worst_the_largest_and_what_else_there_is(
    candidates: list[Candidate], size: int, seed: int
) -> None:
    drawn = draw(candidates, size, seed)
    ids = [one.image for one in drawn]
    assert ids == sorted({*ids}) and len(ids) == min(size, len(candidates))
    assert {*ids} <= {one.id for one in candidates}
    assert drawn == draw(candidates, size, seed)
    if candidates:
        lowest = min(candidates, key=lambda one: (math.inf if one.psnr is None else one.psnr, one.id))
        assert lowest.id in ids
        largest = min(candidates, key=lambda one: (-(one.pixels or 0), one.id))
        assert largest.id in ids or size < 3
    if size >= 20:  # a quarter of it are five, for six kinds of which one at least is drawn before
        assert {one.kind for one in candidates if one.id in ids} >= {one.kind for one in candidates} - {None}
        if any(one.is_warned for one in candidates):
            assert any(one.is_warned for one in candidates if one.id in ids)


def test_it_is_said_how_a_sample_was_drawn() -> None:
    many = [Candidate(number, 40 + number / 100, number, number % 10 == 0, 1) for number in range(1, 401)]
    drawn = draw(many, 20, 7)
    told = how_drawn(drawn, 400, 7)
    assert told.startswith(
        "20 of 400 delivered images, drawn with seed 7: 3 lowest PSNR, 2 low PSNR, 2 largest"
    )
    assert sum(one.reason is Reason.CHANCE for one in drawn) >= 7
    assert draw(many, 20, 8) != drawn
    assert how_drawn(draw(many[:2], 20, 7), 2, 7) == "all 2 delivered images"


def test_crops_show_where_the_jpeg_differs_most_where_detail_is_and_the_centre() -> None:
    luck = np.random.default_rng(1)
    source = np.full((2000, 2400, 3), 128, np.uint8)
    source[1500:1900, 200:600] = luck.integers(0, 255, (400, 400, 3), np.uint8)
    jpeg = source.copy()
    jpeg[96:300, 1900:2250] += 9
    before, after = (pyvips.Image.new_from_array(pixels) for pixels in (source, jpeg))
    worst, detail, centre = choose_crops(before, after, 3)
    assert [one.place for one in (worst, detail, centre)] == [Place.WORST, Place.DETAIL, Place.CENTRE]
    assert worst.crop.left < 1900 and worst.crop.left + worst.crop.width > 2250 and worst.crop.top < 300
    assert abs(detail.crop.left - 200) < 64 and 1490 < detail.crop.top < 1610
    assert (centre.crop.left, centre.crop.top) == (1000, 850)
    assert [one.place for one in choose_crops(before, after, 1)] == [Place.WORST]
    small, same = (picture.crop(0, 0, 300, 200) for picture in (before, after))
    assert [one.place for one in choose_crops(small, same, 3)] == [Place.WHOLE]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of batch plates, all delivered."""
    from tests.conftest import make_sources
    from tests.support.jp2_files import write_export

    root = tmp_path_factory.mktemp("review") / "ws"
    photostat("init", root)
    write_export(root / "export.csv", make_sources(root, 6, 640, 480))
    photostat("add", root / "export.csv", "--batch", "plates", workspace=root)
    photostat("run", "--headless", workspace=root)
    return root


def test_the_page_shows_what_was_delivered_and_what_is_not_as_it_should_be(delivered: Path) -> None:
    workspace = Workspace(delivered)
    with LedgerReader(workspace) as reader:
        rows = reader.images()
    damaged, gone, lost = (delivered / "out" / rows[at].target for at in (0, 1, 2))
    kept = {path: path.read_bytes() for path in (damaged, gone)}
    source = Path(rows[2].source)
    damaged.write_bytes(kept[damaged] + b"x")
    gone.unlink()
    source.rename(source.with_suffix(".away"))
    try:
        outcome = photostat("review", "plates", "--json", workspace=delivered, expect=1)
        with LedgerReader(workspace) as reader:
            sheet = make_review(workspace, reader, ReviewRequest("plates", 20, 1))
    finally:
        for path, data in kept.items():
            path.write_bytes(data)
        source.with_suffix(".away").rename(source)
    assert lost.exists()
    findings = {one["id"]: one["finding"] for one in outcome.json["findings"]}
    assert "another object is in the store in its place" in findings[1]
    assert "it is not in the store" in findings[2] and str(source) in findings[3]
    assert [one["id"] for one in outcome.json["images"]] == [4, 5, 6]
    html = Path(outcome.json["page"]).read_text("utf-8")
    page = self_contained_page(html)
    assert (
        "Drawn: all 6 delivered images." in page.text
        and "3 images of the sample cannot be judged" in page.text
    )
    assert "connect-src" not in html
    image = sheet.images[0]
    assert isinstance(image, ReviewedImage) and len(image.crops) == 2, "the centre is on these already"
    shown = image.crops[0]
    crop = shown.crop
    jpeg = pyvips.Image.new_from_file(str(delivered / "out" / image.row.target))
    part = jpeg.crop(crop.left, crop.top, crop.width, crop.height).numpy()
    assert np.array_equal(pyvips.Image.new_from_buffer(shown.jpeg_png, "").numpy(), part)
    before = pyvips.Image.new_from_buffer(shown.source_png, "").numpy().astype(float)
    assert shown.psnr_db == pytest.approx(10 * math.log10(255**2 / ((before - part) ** 2).mean()))
    assert not list((delivered / "scratch").glob("photostat-review-*"))


def test_there_is_nothing_to_review_before_anything_is_delivered(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3)
    with (
        LedgerReader(workspace) as reader,
        pytest.raises(UserError, match="no image of batch newspapers is delivered"),
    ):
        make_review(workspace, reader, ReviewRequest("newspapers", 20, 1))


def document(root: Path, **changes: Any) -> dict[str, Any]:
    """Answers as the page saves them: image 4 is fine, image 5 is not."""
    with LedgerReader(Workspace(root)) as reader:
        standing = reader.standing("plates")
        md5 = {row.id: row.md5 for row in reader.images()}
        identity = reader.identity
    verdicts = [
        {"id": 4, "md5": md5[4], "verdict": "fine", "why": "", "given": time.time() - 60},
        {"id": 5, "md5": md5[5], "verdict": "not-fine", "why": "too dark", "given": time.time() - 50},
    ]
    approval = {"given": time.time() - 40, "changes": standing.changes, "not_fine": 1, "note": "good"}
    whole = {"photostat_review": 1, "ledger": identity, "batch": "plates", "reviewer": "Jane"}
    return {**whole, "verdicts": verdicts, "approval": approval, **changes}


def test_answers_are_imported_once_with_a_line_for_each_that_is_not_recorded(
    delivered: Path, tmp_path: Path
) -> None:
    saved, path = document(delivered), tmp_path / "answers.json"
    path.write_text(json.dumps(saved))
    first = photostat("review", "--import", path, workspace=delivered)
    assert first.stdout.splitlines() == ["2 verdicts recorded.", "Batch plates is approved."]
    again = photostat("review", "plates", "--import", path, workspace=delivered)
    assert again.stdout.splitlines() == [
        "2 verdicts already in the ledger.",
        "Batch plates is approved already.",
    ]
    older = dict(saved["verdicts"][1], id=4, md5=saved["verdicts"][0]["md5"], given=time.time() - 500)
    other = dict(saved["verdicts"][0], id=6)  # with the MD5 of image 4
    approval = dict(saved["approval"], changes=saved["approval"]["changes"] - 2, given=time.time() - 30)
    path.write_text(json.dumps({**saved, "verdicts": [older, other], "approval": approval}))
    mixed = photostat("review", "--import", path, workspace=delivered, expect=1)
    assert mixed.stdout.splitlines() == [
        "1 verdict recorded.",
        "Image 4: a later verdict is in the ledger and counts; this one is in its history.",
        "Image 6: not recorded, because it is not done any more or has another JPEG than was looked at.",
        "Batch plates was not approved: 2 changes of its images came after it was shown; look at it again.",
    ]
    with LedgerReader(Workspace(delivered)) as reader:
        image = reader.image(4)
        assert image is not None and image.verdict == "fine" and (image.verdict_by or "").startswith("Jane (")
        assert len(reader.verdicts(4)) == 2
        assert len(reader.standing("plates").approvals) == 1


def test_answers_that_cannot_be_of_this_ledger_are_refused_in_a_line(delivered: Path) -> None:
    good = document(delivered)
    first, second = good["verdicts"]
    for changes, batch, why in (
        ({"ledger": "0" * 32}, None, "this review is of another workspace"),
        ({}, "maps", "this review is of batch plates, not maps"),
        ({"batch": "maps"}, None, "no batch 'maps' in the ledger"),
        ({"verdicts": [dict(first, id=99)]}, None, "no image 99 in the ledger; nothing was recorded"),
        ({"verdicts": [dict(first, id=1 << 63)]}, None, "no image 9223372036854775808 in the ledger"),
        ({"verdicts": [first, first]}, None, "image 4 has two verdicts"),
        ({"verdicts": [dict(second, why=" ")]}, None, "image 5 is not fine, and no reason is given"),
        ({"verdicts": [dict(first, given=time.time() + 9000)]}, None, "a time that is not in the past"),
    ):
        answers = read_answers(json.dumps({**good, **changes}).encode(), "a.json")
        with LedgerReader(Workspace(delivered)) as reader, pytest.raises(UserError, match=why):
            check_answers(answers, reader, batch, "a.json")
    for data, why in (
        (b"<html>", "not the file that a review's page saves"),
        (b"\xff\xfe", "not the file that a review's page saves"),
        (b"[]", "not the answers of a review of this photostat: Expected `object`"),
        (json.dumps({**good, "photostat_review": 2}).encode(), "Invalid enum value 2"),
        (json.dumps({**good, "colour": 1}).encode(), "unknown field `colour`"),
        (
            json.dumps({**good, "verdicts": [dict(first, verdict="great")]}).encode(),
            "Invalid enum value 'great'",
        ),
        (b" " * (MOST_BYTES + 1), "are too many for the answers of a review"),
    ):
        with pytest.raises(UserError, match=why) as refusal:
            read_answers(data, "a.json")
        assert str(refusal.value).startswith("a.json: ") and "\n" not in str(refusal.value)


@pytest.fixture
def server() -> Iterator[tuple[ReviewServer, list[bytes]]]:
    taken: list[bytes] = []

    def record(data: bytes) -> Said:
        taken.append(data)
        return Said("1 verdict recorded.", data != b"{}")

    server = ReviewServer(lambda: ["<p>the ", "page</p>"], record)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server, taken
    server.finish()
    thread.join()


def test_the_server_answers_its_own_page_alone_and_ends_when_it_is_told(
    server: tuple[ReviewServer, list[bytes]],
) -> None:
    serving, taken = server
    path = serving.url.partition(str(serving.port))[2]
    here = f"127.0.0.1:{serving.port}"
    own = {"Host": here, "Origin": f"http://{here}", "Content-Type": "application/json"}

    def ask(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=LONGEST_WAIT_S)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body and "Content-Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        assert reply.getheader("Cache-Control") == "no-store"
        return reply.status, text

    assert ask("GET", path, {"Host": here}) == (200, "<p>the page</p>")
    assert ask("GET", path, {"Host": f"localhost:{serving.port}"})[0] == 200
    for wrong in ("/", path[:-2] + "/", path + "x", "/" + "A" * 43 + "/"):
        assert ask("GET", wrong, {"Host": here})[0] == 404, wrong
    for host in (
        {},
        {"Host": "evil.example"},
        {"Host": f"evil.example:{serving.port}"},
        {"Host": "127.0.0.1"},
    ):
        assert ask("GET", path, host)[0] == 421, host
        assert ask("POST", path + "answers", {**own, "Host": "", **host}, b"[1]")[0] == 421
    for origin in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""}):
        assert ask("POST", path + "answers", own | origin, b"[1]")[0] == 403
        assert ask("POST", path + "finish", own | origin, b"{}")[0] == 403
    assert ask("POST", path + "answers", own | {"Content-Type": "text/plain"}, b"[1]")[0] == 415
    for length in (str(MOST_BYTES + 1), "-1", "x"):
        assert ask("POST", path + "answers", own | {"Content-Length": length}, b"[1]")[0] == 413
    assert ask("POST", "/answers", own, b"[1]")[0] == 404
    assert taken == [], "nothing was taken from anybody else"
    assert ask("POST", path + "answers", own, b"[1]") == (200, "1 verdict recorded.")
    assert ask("POST", path + "answers", own, b"{}")[0] == 409
    assert taken == [b"[1]", b"{}"]
    assert ask("POST", path + "finish", own, b"{}") == (200, "finished")


def test_browsers_that_stall_or_go_away_keep_nobody_waiting_and_leave_no_traceback(
    server: tuple[ReviewServer, list[bytes]], capfd: pytest.CaptureFixture[str]
) -> None:
    serving, taken = server
    path = serving.url.partition(str(serving.port))[2]
    serving.page = lambda: ("x" * 65_536 for _ in range(400))
    own = f"Host: 127.0.0.1:{serving.port}\r\nOrigin: http://127.0.0.1:{serving.port}\r\n"
    send = f"POST {path}answers HTTP/1.1\r\n{own}Content-Type: application/json\r\nContent-Length: 3\r\n\r\n"

    def connect(text: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", serving.port), timeout=LONGEST_WAIT_S)
        connection.sendall(text.encode())
        return connection

    with connect(f"GET {path} HTTP/1.1\r\n{own}\r\n") as gone:
        gone.recv(1000)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with connect(send + "[") as stalled:
        with connect(send + "[2]") as other:
            assert b" 200 OK" in other.recv(1000) and taken == [b"[2]"]
        stalled.shutdown(socket.SHUT_WR)
        assert b" 400 Bad Request" in stalled.recv(1000)
    assert taken == [b"[2]"], "what has not arrived whole is not recorded"
    assert capfd.readouterr().err == ""


def press(key: str) -> str:
    return f"document.dispatchEvent(new KeyboardEvent('keydown', {{key: {key!r}, bubbles: true}}))"


@pytest.mark.needs_tool("chromium")
def test_keys_flip_move_and_give_verdicts_that_can_be_imported(delivered: Path, tmp_path: Path) -> None:
    page = tmp_path / "page" / "review-plates.html"
    photostat("review", "plates", "-o", page.parent, workspace=delivered)
    script = (
        f"({press(' ')}, {press('f')}, {press('n')}, sections[1].querySelector('.why').blur(), {press('ArrowUp')},"
        f" {press('ArrowDown')}, {press('ArrowDown')}, {press('f')}, {press('ArrowUp')}, {press('u')},"
        " {pressed: sections.map(s => [...s.querySelectorAll('.flip')].map(b => b.getAttribute('aria-pressed'))),"
        " without: answers(), told: document.getElementById('outcome').textContent,"
        " with: (give(sections[1], 'not-fine', 'too \"dark\" </script'.slice(0, 10)), answers()),"
        " counts: document.getElementById('progress').textContent})"
    )
    result, faults = json.loads(unescape(evaluate_in_browser(page, tmp_path / "profile", script)))
    assert faults == []
    places = (
        "[...document.querySelectorAll('.both')].map(both => [...both.querySelectorAll('img')].map(image => {"
        "const at = image.parentElement.getBoundingClientRect();"
        " return [at.top, at.width, at.height].map(Math.round)}))"
    )
    pairs, _ = json.loads(unescape(evaluate_in_browser(page, tmp_path / "narrow", places, width=600)))
    assert pairs and all(source == jpeg for source, jpeg in pairs), (
        "side by side, and alike, where it is narrow"
    )
    first, *others = result["pressed"]
    assert {*first} == {"true"} and not any("true" in one for one in others)
    assert result["without"] is None and "is not fine: say why first" in result["told"]
    answers = read_answers(json.dumps(result["with"]).encode(), "the page")
    assert [(one.id, one.verdict.value) for one in answers.verdicts][:2] == [(1, "fine"), (2, "not-fine")]
    with LedgerReader(Workspace(delivered)) as reader:
        check_answers(answers, reader, "plates", "the page")
