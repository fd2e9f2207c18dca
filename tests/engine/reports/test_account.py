"""The report: its figures are the ledger's, its page stands alone, and nothing from outside is more than text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from msgspec import structs

from engine.failures import Cause, Failure, Stage
from engine.file_kind import FileKind
from engine.formatting import visible
from engine.ledger.account import Account
from engine.ledger.import_rows import ExportRow
from engine.ledger.reader import LedgerReader
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.runs import Ending, RunNote, WaitKind
from engine.ledger.verdicts import GivenVerdict, Verdict
from engine.ledger.writer import Ledger
from engine.messages import Converted, DecodeMode, Surveyed
from engine.reports.account.collect import collect
from engine.reports.account.figures import Figures
from engine.reports.account.page import verdict
from engine.reports.account.write import write_report
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.html_checks import Page, evaluate_in_browser, self_contained_page
from tests.support.jp2_files import representation
from tests.support.ledgers import converted
from tests.support.run_records import BEGAN, engine, wait

HOSTILE = "<script>alert(1)</script>\"'&\u202egpj.exe\x1b[31m"


def rows(count: int, batch: str, first_line: int = 2, record: str = "99001") -> Iterator[ExportRow]:
    for number in range(count):
        identity = representation(number // 5)
        name = f"{batch}-{number:04}"
        yield ExportRow(
            first_line + number, batch, identity, "B1", record, f"{name}.tif", batch, f"/in/{name}.jp2", "",
            f"{batch}/{identity}/{name}.jpg",
        )  # fmt: skip


KIND = FileKind(HOSTILE, "jp2", "9-7 ICT", "untiled", "6", "RLCP", 12, "8 bits", "sRGB, 3 components", False)


def finish(ledger: Ledger, image_id: int, psnr: float, warnings: tuple[str, ...] = ()) -> None:
    kind = KIND if image_id > 10 else structs.replace(KIND, layers=image_id % 2 + 1) if image_id > 2 else None
    ledger.surveyed([Surveyed(image_id, 2_000_000, 2000, 1500, 3, 8, 2000, 1500, 5, "srgb", kind=kind)])
    ledger.start(image_id, 4711, 100 << 20, DecodeMode.WHOLE)
    ledger.converted(
        Converted(
            image_id, f"{image_id}.jpg", 2000, 1500, 2_000_000, "md5:00", 900_000, "d" * 32, psnr, warnings,
            90 << 20, 0.75, 1.0,
        )
    )  # fmt: skip
    ledger.done(image_id)


@pytest.fixture
def collection(tmp_path: Path) -> Workspace:
    """Two batches: 30 done, one of them far below; failures, an accepted one and warnings with hostile texts."""
    root = tmp_path / "collection"
    workspace = Workspace.init(root)
    with Ledger.open(workspace, "add") as ledger:
        ledger.import_rows(rows(30, "maps"))
        ledger.import_rows(rows(5, "prints", 100, record=HOSTILE))
        for image_id in range(1, 31):
            psnr = 31.0 if image_id == 7 else 41.0 + image_id % 4 * 0.5
            finish(
                ledger, image_id, psnr, (f"alpha flattened on {image_id}", HOSTILE) if image_id < 4 else ()
            )
        ledger.failed(31, Failure(Cause.TRUNCATED, Stage.VALIDATING, f"ends early {HOSTILE}"))
        ledger.failed(32, Failure(Cause.TRUNCATED, Stage.VALIDATING, "ends early too"))
        ledger.failed(33, Failure(Cause.SOURCE_MISSING, Stage.READING, "no such file"))
        ledger.accept([33], f"lost in 1953 {HOSTILE}")
    return workspace


def figures_of(workspace: Workspace, batch: str | None = None) -> Figures:
    with LedgerReader(workspace) as reader:
        return collect(reader, "collection", "1", lambda name: 92, batch)


def test_figures_are_the_ledgers(collection: Workspace) -> None:
    figures = figures_of(collection)
    assert figures.account == Account(rows=35, pending=2, done=30, failed=2, accepted=1)
    assert figures.source_bytes == 30 * 2_000_000
    assert figures.jpeg_bytes == 30 * 900_000
    maps = figures.batches[0]
    assert maps.times is not None
    assert maps.times.cpu_s == pytest.approx(30 * 0.75)
    assert maps.times.converted == 30
    assert [(group.cause, group.count) for group in figures.failures] == [("truncated", 2)]
    assert figures.accepted_count == 1
    assert (figures.representations, figures.complete) == (6, 5)
    assert [(warned.count, len(warned.images)) for warned in figures.warnings] == [(3, 3), (3, 3)]


def test_an_image_far_below_its_batch_is_flagged(collection: Workspace) -> None:
    maps = figures_of(collection).batches[0]
    assert maps.flagged_count == 1
    assert [row.id for row in maps.flagged] == [7]


def test_one_batch_alone(collection: Workspace) -> None:
    figures = figures_of(collection, "prints")
    assert [batch.name for batch in figures.batches] == ["prints"]
    assert figures.account.rows == 5
    assert figures.warned_images == 0


def test_the_page_stands_alone_and_says_it_all(collection: Workspace, tmp_path: Path) -> None:
    page = self_contained_page(written(collection, tmp_path / "report"))
    for text in (
        "All 35 images are accounted for: 30 done, 2 failed, 1 accepted with a reason and 2 not converted yet.",
        "60.0 MB of JPEG 2000 became 27.0 MB of JPEG: 45.0 %.",
        "6 representations, of which 5 complete",
        "Restore the file from a backup or ask the supplier for it again, then requeue.",
        "lost in 1953",
        "1 image far below the batch",
    ):
        assert " ".join(text.split()) in page.text
    places = [page.text.index(f" {heading} ") for heading in ("Account", "Failures", "Sizes")]
    assert places == sorted(places), "what needs a person comes right after the account"


def test_hostile_texts_are_only_text(collection: Workspace, tmp_path: Path) -> None:
    html = written(collection, tmp_path / "report")
    page = Page(html)
    assert page.all("script") == []
    assert "<script>alert(1)</script>" in unescape(page.text)
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_tables_have_every_row(collection: Workspace, tmp_path: Path) -> None:
    written(collection, tmp_path / "report")
    failures = read_csv(tmp_path / "report" / "failures.csv")
    assert [(row["id"], row["state"], row["cause"]) for row in failures] == [
        ("31", "failed", "truncated"),
        ("32", "failed", "truncated"),
        ("33", "accepted", "source-missing"),
    ]
    assert all(row["remedy"] for row in failures)
    attention = read_csv(tmp_path / "report" / "attention.csv")
    assert [row["id"] for row in attention] == ["1", "2", "3", "7"]
    assert attention[-1]["why"] == "PSNR far below its batch"
    batches = read_csv(tmp_path / "report" / "batches.csv")
    assert [(row["batch"], row["images"], row["done"], row["far_below"]) for row in batches] == [
        ("maps", "30", "30", "1"),
        ("prints", "5", "0", "0"),
    ]
    assert batches[0]["psnr_lowest_db"] == "31.0"


def test_what_people_said_of_batches_and_images_is_in_page_and_tables(
    collection: Workspace, tmp_path: Path
) -> None:
    with Ledger.open(collection, "review") as ledger:
        seen = {number: image_md5(collection, number) for number in (4, 5)}
        ledger.give_verdicts(
            [
                GivenVerdict(4, Verdict.FINE, seen[4]),
                GivenVerdict(5, Verdict.NOT_FINE, seen[5], f"dark {HOSTILE}"),
            ],
            "Jane (jd@desk)",
        )
        standing = ledger.standing("maps")
        ledger.approve("maps", "for now", "Otto (o@desk)", None, (standing.changes, standing.not_fine))
        ledger.convert_again([9], "missing")
        ledger.replace_delivered([DeliveredJpeg(10, image_md5(collection, 10))], 95, None, "Otto (o@desk)")
    html = written(collection, tmp_path / "report")
    page = Page(html)
    assert page.all("script") == []
    for text in (
        "Otto (o@desk)",
        "changed since",
        "for now",
        "1 image not fine",
        "dark ",
        "1 more stays until the new JPEG",
    ):
        assert text in page.text
    (bad,) = [row for row in read_csv(tmp_path / "report" / "attention.csv") if row["verdict"] == "not-fine"]
    assert (bad["id"], bad["verdict_by"]) == ("5", "Jane (jd@desk)") and bad["why"].startswith(
        "not fine: dark"
    )
    maps, prints = read_csv(tmp_path / "report" / "batches.csv")
    assert (maps["fine"], maps["not_fine"], maps["approved_by"]) == ("1", "1", "Otto (o@desk)")
    assert (maps["changed_since_approval"], prints["approved_by"]) == ("2", "")


def image_md5(workspace: Workspace, image_id: int) -> str:
    with LedgerReader(workspace) as reader:
        image = reader.image(image_id)
    assert image is not None and image.md5 is not None
    return image.md5


def test_the_kinds_of_files_are_counted_the_most_frequent_first(
    collection: Workspace, tmp_path: Path
) -> None:
    written(collection, tmp_path / "report")
    kinds = read_csv(tmp_path / "report" / "kinds.csv")
    assert [
        (row["layers"], row["images"], row["done"], row["failed"], row["with_warnings"]) for row in kinds
    ] == [
        ("12", "20", "20", "0", "0"),
        ("1", "4", "4", "0", "0"),
        ("2", "4", "4", "0", "1"),
        ("", "7", "2", "2", "2"),
    ]
    assert {row["writer"] for row in kinds} == {visible(HOSTILE), "not known"}
    assert figures_of(collection, "prints").kinds.unknown == 5


def test_an_empty_ledger_has_a_report_too(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "empty")
    page = self_contained_page(written(workspace, tmp_path / "report"))
    assert "The ledger holds no images yet." in page.text


def test_a_report_replaces_the_last_one_whole(collection: Workspace, tmp_path: Path) -> None:
    directory = tmp_path / "report"
    written(collection, directory)
    written(collection, directory)
    names = sorted(path.name for path in directory.iterdir())
    assert names == ["attention.csv", "batches.csv", "failures.csv", "kinds.csv", "report.html"]


@pytest.mark.needs_tool("chromium")
def test_in_a_real_browser(collection: Workspace, tmp_path: Path) -> None:
    written(collection, tmp_path / "report")
    page = tmp_path / "report" / "report.html"
    script = "document.documentElement.scrollWidth <= innerWidth, document.querySelectorAll('table').length"
    for width in (1280, 500):
        fits, tables, faults = json.loads(
            unescape(evaluate_in_browser(page, tmp_path / "profile", script, width))
        )
        assert fits, f"wider than a window of {width}"
        assert tables > 5
        assert faults == []


def test_the_command_after_a_real_run(workspace: MakeWorkspace, tmp_path: Path) -> None:
    root = workspace(images=4)
    sorted((root / "source").rglob("*.jp2"))[0].unlink()
    photostat("run", "--headless", workspace=root, expect=1)
    outcome = photostat("report", "-o", tmp_path / "out", "--json", workspace=root)
    assert outcome.json["totals"] == {
        "rows": 4, "pending": 0, "in_flight": 0, "done": 3, "failed": 1, "accepted": 0,
    }  # fmt: skip
    assert outcome.json["failures"] == {"source-missing": 1}
    page = self_contained_page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    kinds = outcome.json["kinds"]
    assert sorted((each["images"], each["done"]) for each in kinds) == [(1, 0), (1, 1), (2, 2)]
    assert [each["kind"] is None for each in kinds] == [False, False, True]  # the one that is missing
    assert {each["kind"]["colour"] for each in kinds[:2]} == {"sRGB, 3 components", "grey, 1 component"}
    assert "1 image is of no known kind" in page.text
    assert kinds[0]["kind"]["writer"] in page.text
    assert str(root / "report" / "report.html") in photostat("report", workspace=root).stdout
    refused = photostat("report", "--batch", "nowhere", workspace=root, expect=2)
    assert "no batch 'nowhere'" in refused.stderr


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        (Account(), "The ledger holds no images yet."),
        (Account(rows=1, done=1), "The one image is converted, proved and stored."),
        (Account(rows=3, done=2, accepted=1), "Nothing is left to do."),
        (Account(rows=1200, done=1000, pending=150, in_flight=50), "1,000 done and 200 not converted yet."),
    ],
)
def test_verdicts(account: Account, sentence: str) -> None:
    assert sentence in verdict(account)


def written(workspace: Workspace, directory: Path) -> str:
    with LedgerReader(workspace) as reader:
        done = write_report(reader, directory, "collection", "1", lambda name: 92)
    return done.page.read_text(encoding="utf-8")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_report_opens_with_what_happened_in_the_run(collection: Workspace, tmp_path: Path) -> None:
    held = wait(WaitKind.HELD, "store", 1, 600)
    with Ledger.open(collection) as ledger:
        start = ledger.start_run()
        note = RunNote(
            start.run,
            BEGAN,
            None,
            engine(0, 3, Ending.STOPPED),
            {0: structs.replace(held, detail=HOSTILE)},
            {},
        )
        ledger.keep_run(note)
    photostat("report", "-o", tmp_path / "all", workspace=collection.root)
    page = (tmp_path / "all" / "report.html").read_text("utf-8")
    told = unescape(page)
    head = told.index("stopped: began 01 Mar 2026 18:00, ended 21:00, after 3 h 00 min")
    assert told.index("<h1>") < head < told.index("<h2>")
    assert f"store 10 min 00 s (19:00:00–19:10:00: {visible(HOSTILE)})" in told
    assert "<script>alert" not in page
    photostat("report", "--batch", "maps", "-o", tmp_path / "one", workspace=collection.root)
    assert "stopped: began" not in (tmp_path / "one" / "report.html").read_text("utf-8")


def test_images_are_counted_by_what_decoded_them(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "collection")
    by_whom = [("gpu", "decoded"), ("gpu", "decoded"), ("tiles", "compared"), ("strips", "")]
    by_whom += [("", ""), ("whole", "differs")]
    with Ledger.open(workspace, "add") as ledger:
        ledger.import_rows(rows(len(by_whom) + 1, "maps"))
        for image_id, (decoded, gpu) in enumerate(by_whom, 1):
            ledger.start(image_id, 4711, 100 << 20, DecodeMode.WHOLE)
            ledger.gpu_answered(image_id, "gone")
            ledger.back_to_pending(image_id, "its worker ended", counts=True)
            ledger.start(image_id, 4711, 100 << 20, DecodeMode.WHOLE)
            if gpu:
                ledger.gpu_answered(image_id, gpu)
            ledger.converted(structs.replace(converted(image_id), decoded=decoded))
            ledger.done(image_id)
        ledger.start(len(by_whom) + 1, 4711, 100 << 20, DecodeMode.TILES)
        ledger.gpu_answered(len(by_whom) + 1, "signed samples")
        ledger.failed(len(by_whom) + 1, Failure(Cause.CORRUPT, Stage.DECODING, "broken"))
    with LedgerReader(workspace) as reader:
        of_last = reader.attempts(len(by_whom) + 1)[0]
    assert (of_last.decoded, of_last.gpu) == ("tiles", "signed samples"), (
        "what was planned, if it made no JPEG"
    )
    table = figures_of(workspace).decoded
    assert {mode.by: mode.images for mode in table.modes} == {"gpu": 2, "whole": 2, "strips": 1, "tiles": 1}
    assert table.gpu() == {"decoded": 2, "compared": 1, "differs": 1}
    page = written(workspace, tmp_path / "report")
    assert "2 images decoded by a GPU alone." in page
    assert "1 image decoded differently by a GPU" in page
    assert "OpenJPEG, in strips" in page
    assert figures_of(workspace, "no such batch").decoded.all == []
