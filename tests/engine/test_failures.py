from __future__ import annotations

from engine.failures import one_line, unforeseen_text, without_path


def test_a_message_stays_one_line() -> None:
    assert one_line(" a\n\tb\xa0 c\x1b ") == r"a b c\x1b"
    assert one_line("a\x85b\x1cc\u2028d\x9b") == r"a\x85b\x1cc\u2028d\x9b"


def test_a_path_that_stands_beside_a_message_is_not_told_again() -> None:
    gone = "No such file or directory (ENOENT)"
    assert without_path(f'{gone}: "/a/b.jp2"', "/a/b.jp2") == gone
    assert without_path(f'{gone}: "/share/a/b.jp2"', "a/b.jp2") == gone
    assert without_path('"/a/b.jp2" is a directory', "/a/b.jp2") == "this is a directory"
    near = f'{gone}: "/a/b.jp2"; there is "/a/B.jp2", which differs in case'
    assert without_path(near, "/a/b.jp2") == f'{gone}; there is "/a/B.jp2", which differs in case'
    assert without_path("OSError: /a/b.jp2: Stale file handle", "/a/b.jp2") == "OSError: Stale file handle"
    elsewhere = f'{gone}: "/mnt/a/b.jp2"'
    assert without_path(elsewhere, "/a/b.jp2") == elsewhere, (
        "where it was looked for is not where the export says"
    )


def test_what_nobody_foresaw_is_told_without_the_systems_number() -> None:
    assert unforeseen_text(OSError(116, "Stale file handle", "/a/b")) == "OSError: /a/b: Stale file handle"
    assert unforeseen_text(ValueError("a\nb")) == "ValueError: a b"
