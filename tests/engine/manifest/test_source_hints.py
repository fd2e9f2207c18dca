"""Values padded with blanks, and paths in Unicode's decomposed form, are told; `strip` takes the blanks off."""

from __future__ import annotations

from tests.support.exports import HEADER, U1, Collection, row

PADDED = f"{U1}  ,B   ,R   ,a.tif   ,maps   ,/s/a.jp2   \n"


def test_values_padded_with_blanks_are_told_and_kept(collection: Collection) -> None:
    report = collection.add(HEADER + row("b.tif", "/s/b.jp2") + PADDED + PADDED.replace("a.", "c."))
    (told,) = [note for note in report.notes if "blanks" in note]
    assert (
        "2 rows have values with blanks" in told and 'line 3: "a.tif   "' in told and "strip = true" in told
    )
    assert collection.images()[1].source == "/s/a.jp2   "
    assert collection.images()[1].target == f"b/{U1}/a.tif   .jpg"


def test_each_drive_and_server_has_a_prefix_of_its_own(collection: Collection) -> None:
    """What two drives share is nothing: as a prefix it would fit every path."""
    sources = (
        r"Z:\scans\a.jp2",
        r"Z:\scans\b.jp2",
        r"Y:\c.jp2",
        r"\\nas\old\d.jp2",
        "file://nas/e.jp2",
        "file:///f.jp2",
    )
    rows = (row(f"{number}.tif", source) for number, source in enumerate(sources))
    report = collection.add(HEADER + "".join(rows))
    (windows,) = [note for note in report.notes if "Windows paths" in note]
    (urls,) = [note for note in report.notes if "URL" in note]
    replace = r'replace = { "Z:\\scans\\" = "/mnt/scans/", "Y:\\" = "/mnt/scans/", "\\\\nas\\old\\" = "/mnt/scans/" }'
    assert replace in windows
    assert 'replace = { "file://nas/" = "/mnt/scans/", "file:///" = "/" }' in urls


def test_strip_takes_blanks_off_every_value(collection: Collection) -> None:
    report = collection.add(HEADER + PADDED, strip=True)
    (image,) = collection.images()
    assert (image.name, image.source, image.barcode, image.target) == (
        "a.tif",
        "/s/a.jp2",
        "B",
        f"b/{U1}/a.jpg",
    )
    assert not any("blanks" in note for note in report.notes)
    assert collection.add(HEADER + PADDED, strip=True).total.known == 1


def test_decomposed_accents_in_a_path_are_told(collection: Collection) -> None:
    report = collection.add(HEADER + row("a.tif", "/s/u\u0308.jp2") + row("b.tif", "/s/ü.jp2"))
    (told,) = [note for note in report.notes if "NFD" in note]
    assert "1 row writes its source path with decomposed accents (line 2" in told


def test_an_export_without_such_values_has_no_hints(collection: Collection) -> None:
    report = collection.add(HEADER + row() + row("ü.tif", "rel/ü é.jp2") + row("c.tif", "a:b/c.jp2"))
    assert len(report.notes) == 1
