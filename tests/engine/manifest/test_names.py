"""A target is a file name of its own in its directory, and a batch's name is safe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.manifest.names import safe_batch_name, target_name


@pytest.mark.parametrize(
    ("tiff", "jpeg"),
    [
        ("title.tif", "title.jpg"),
        ("a.tif.tif", "a.tif.jpg"),
        ("x.TIFF", "x.jpg"),
        ("x.TiF", "x.jpg"),
        ("no extension", "no extension.jpg"),
        ("a.jp2", "a.jp2.jpg"),
        ("attif", "attif.jpg"),
        (" spaced .tif", " spaced .jpg"),
        ('été, "n° 5".tif', 'été, "n° 5".jpg'),
        ("a..b.tif", "a..b.jpg"),
        (".hidden.tif", ".hidden.jpg"),
    ],
)
def test_a_final_tif_gives_way_to_jpg_and_nothing_else_changes(tiff: str, jpeg: str) -> None:
    assert target_name(tiff) == jpeg


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".", "..", ".tif", "..tif", "...tif", "a/b.tif", "/a.tif", "..\\a.tif", "a\0.tif", "a\n.tif"],
)
def test_a_name_that_would_leave_its_directory_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        target_name(name)


@pytest.mark.parametrize("name", ["a\x7f", "a\x85b", "a\u2028b", "x" * 252, "é" * 126])
def test_a_name_that_is_no_file_name_everywhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        target_name(name)


@given(st.text(min_size=1, max_size=300))
def test_whatever_the_name_the_target_is_one_file_of_its_directory(name: str) -> None:
    try:
        target = target_name(name)
    except ValueError:
        return
    assert target.endswith(".jpg")
    assert len(target.encode(errors="surrogatepass")) <= 255
    assert not any(c in "/\\" or ord(c) < 32 or 127 <= ord(c) < 160 for c in target)
    stem = target.removesuffix(".jpg")
    assert stem not in ("", ".", "..")
    assert name == stem or name.lower() in (f"{stem.lower()}.tif", f"{stem.lower()}.tiff")


@given(st.text(min_size=1, max_size=200))
def test_whatever_the_material_type_a_batch_name_is_safe_and_stays_itself(kind: str) -> None:
    try:
        name = safe_batch_name(kind)
    except ValueError:
        return
    assert safe_batch_name(name) == name
    assert "/" not in name and not name.startswith((".", "-")) and len(name.encode()) <= 100
