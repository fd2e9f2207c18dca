"""photostat.toml: what is given counts, what is not has its default, what is wrong is named with the right thing."""

from __future__ import annotations

import pickle
import tomllib
from pathlib import Path

import pytest
from msgspec import structs

from engine.config import Config, JpegSettings, RunHours
from engine.config.loader import load
from engine.config.template import template
from engine.config.values import parse_rate, parse_size, write_rate, write_size
from engine.failures import UserError


def settings(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "photostat.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        settings(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("photostat.toml: ")
    return message.removeprefix("photostat.toml: ")


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert settings(tmp_path, "") == Config()


def test_the_commented_file_of_init_has_the_defaults(tmp_path: Path) -> None:
    assert settings(tmp_path, template()) == Config()


def test_the_commented_file_has_every_key_with_a_comment() -> None:
    for section, defaults in tomllib.loads(template()).items():
        lines = template().partition(f"[{section}]")[2].partition("\n[")[0].splitlines()
        assert list(defaults) == [field.encode_name for field in structs.fields(getattr(Config(), section))]
        for key in defaults:
            number = next(n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
            assert "# " in lines[number] or lines[number - 1].startswith("# "), key


def test_the_commented_file_is_laid_out_for_a_reader() -> None:
    assert template().startswith(
        "# The settings of this photostat workspace. Every key has a default, shown here: delete what you do not "
        'change.\n# Sizes are written like "20GiB" or "500MB".\n\n[manifest]                 # how to read'
    )
    for line in (
        "# left out. checksum, if there is one, holds the md5, sha1 or sha256 of the source file.\n"
        "columns = { uuid = 1, barcode = 2, record = 3, name = 4, type = 5, source = 6 }",
        'header = "auto"            # is the first line a header? "auto", true or false',
        'memory_limit = "none"      # treat the machine as having no more than this, e.g. "3GiB"',
        'timeout = "auto"           # per image: predicted from its megapixels, or seconds, or "10min"',
        'scratch_limit = "20GiB"    # conversion waits while more than this lies there, on each machine',
        "strict = false             # true: a decoder's warning fails the image, and so do pages of zeros in its data",
        "\n[engine]",
        "transfers = 4              # at once, from each machine",
    ):
        assert f"{line}\n" in template()
    assert max(map(len, template().splitlines())) <= 112


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = Config()
    assert config.manifest.columns == {
        "uuid": 1,
        "barcode": 2,
        "record": 3,
        "name": 4,
        "type": 5,
        "source": 6,
    }
    assert structs.astuple(config.manifest)[1:] == ("auto", "utf-8", "", {}, False)
    assert structs.astuple(config.jpeg) == (
        92,
        "auto",
        "keep",
        "keep",
        "keep",
        "#ffffff",
        "fail",
        False,
        False,
        "sample",
    )
    assert structs.astuple(config.engine) == (
        None,
        "10%",
        None,
        2,
        None,
        "scratch",
        20 * 2**30,
        False,
        "auto",
        False,
        RunHours(),
    )
    assert structs.astuple(config.store) == ("file:out", "", "", "auto", "auto", 4, None)
    assert structs.astuple(config.notify) == ((), "", False)
    assert config.batch_jpeg == {}


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (3, 3), (4, 3), (12, 11)])
def test_auto_workers_keep_a_core_free_from_four_up(cores: int, workers: int, tmp_path: Path) -> None:
    assert settings(tmp_path, "[engine]\nworkers = 'auto'").engine.worker_count(cores) == workers
    assert settings(tmp_path, "[engine]\nworkers = 1024").engine.worker_count(cores) == 1024


def test_what_a_worker_gets_survives_a_pipe(tmp_path: Path) -> None:
    jpeg = settings(tmp_path, "[jpeg]\nicc = 'srgb'").jpeg
    assert pickle.loads(pickle.dumps(jpeg)) == jpeg
    assert hash(jpeg) == hash(JpegSettings(icc="srgb"))


@pytest.mark.parametrize(
    ("size", "size_bytes"),
    [
        ("20GiB", 20 * 2**30),
        ("500 MB", 500_000_000),
        ("4g", 4 * 2**30),
        ("1.5TB", 1_500_000_000_000),
        ("1073741824", 2**30),
        ("7b", 7),
    ],
)
def test_a_size_is_written_in_either_kind_of_unit(size: str, size_bytes: int) -> None:
    assert parse_size(size) == size_bytes
    assert parse_size(write_size(size_bytes)) == size_bytes


def test_every_key_is_taken(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        """
        [manifest]
        columns = { uuid = "Item", name = "File name", source = "JP2", checksum = "MD5" }
        header = true
        encoding = "latin-1"
        root = "/mnt/scans"
        [jpeg]
        quality = 85
        subsampling = "4:2:0"
        icc = "srgb"
        metadata = "none"
        orientation = "reset"
        background = "#A0b1C2"
        oversize = "shrink"
        optimize = true
        progressive = true
        verify = "full"
        [engine]
        workers = 11
        memory_floor = "20GB"
        memory_limit = "3GiB"
        retries = 0
        timeout = "10min"
        scratch = "/var/tmp/scratch"
        scratch_limit = "1.5 TB"
        strict = true
        [store]
        url = "s3://bucket/prefix"
        endpoint = "http://127.0.0.1:8333"
        addressing = "path"
        checksum = "when_required"
        transfers = 8
        bandwidth_limit = "160Mbit/s"
        [notify]
        urls = ["https://example.org/hook"]
        """,
    )
    assert config.manifest.columns == {
        "uuid": "Item",
        "name": "File name",
        "source": "JP2",
        "checksum": "MD5",
    }
    assert (config.manifest.header, config.manifest.encoding, config.manifest.root) == (
        True,
        "latin-1",
        "/mnt/scans",
    )
    assert config.jpeg == JpegSettings(
        85, "4:2:0", "srgb", "none", "reset", "#a0b1c2", "shrink", True, True, "full"
    )
    engine = config.engine
    assert (engine.workers, engine.retries, engine.strict, engine.scratch) == (
        11,
        0,
        True,
        "/var/tmp/scratch",
    )
    assert (engine.memory_floor, engine.memory_limit) == ("20GB", 3 * 2**30)
    assert (engine.timeout_s, engine.scratch_limit) == (600.0, 1_500_000_000_000)
    assert config.store.url == "s3://bucket/prefix"
    assert config.store.bandwidth_limit == 20_000_000
    assert (config.store.addressing, config.store.checksum, config.store.transfers) == (
        "path",
        "when_required",
        8,
    )
    assert config.notify.urls == ("https://example.org/hook",)


def test_a_batch_overrides_what_it_names_and_no_more(tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        """
        [batch.maps.jpeg]
        quality = 95
        [jpeg]
        quality = 80
        icc = "srgb"
        [batch."news.1900".jpeg]
        """,
    )
    assert config.jpeg_for("maps") == structs.replace(config.jpeg, quality=95)
    assert config.jpeg_for("news.1900") == config.jpeg_for("unknown") == config.jpeg


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[jpeg]\nqualty = 92", "[jpeg] qualty: no such key; did you mean quality?"),
        ("[jpgs]\nquality = 92", "jpgs: no such section; did you mean jpeg?"),
        ("[engine]\nquality = 92", "[engine] quality: no such key; it belongs under [jpeg]"),
        ("quality = 92", "quality: no such section; it belongs under [jpeg]"),
        ("[batch.maps.jpeg]\nQuality = 92", "[batch.maps.jpeg] Quality: no such key; did you mean quality?"),
        ("[batch.maps.store]\nurl = 'file:x'", "[batch.maps] store: no such section; there is jpeg"),
        ("[batch.maps]\nquality = 9", "[batch.maps] quality: no such section; it belongs under [jpeg]"),
        (
            "[manifest]\ncolumns = { uuid = 1, nam = 2, source = 3 }",
            "nam: no such column; did you mean name?",
        ),
        ("[jpeg]\nquality = '92'", '[jpeg] quality = "92": must be a whole number from 1 to 100'),
        ("[jpeg]\nquality = true", "[jpeg] quality = true: must be a whole number from 1 to 100"),
        ("[jpeg]\nquality = 101", "[jpeg] quality = 101: must be a whole number from 1 to 100"),
        ("[jpeg]\nsubsampling = '4:2:2'", 'must be "auto" or "4:4:4" or "4:2:0"; did you mean'),
        ("[jpeg]\nbackground = 'white'", '[jpeg] background = "white": must be a colour like "#ffffff"'),
        ("[jpeg]\noptimize = 1", "[jpeg] optimize = 1: must be true or false"),
        ("[engine]\nworkers = 0", '[engine] workers = 0: must be a whole number from 1 to 1024, or "auto"'),
        ("[engine]\nworkers = 'atuo'", "[engine] workers"),
        ("[engine]\nmemory_floor = '110%'", '[engine] memory_floor = "110%": must be a share up to "90%"'),
        ("[engine]\nmemory_limit = '3 gigs'", '[engine] memory_limit = "3 gigs": must be a size like'),
        ("[engine]\nscratch_limit = 'none'", '[engine] scratch_limit = "none": must be a size like'),
        ("[engine]\ntimeout = 0", "[engine] timeout = 0: must be seconds"),
        ("[engine]\nretries = -1", "[engine] retries = -1: must be a whole number from 0 to 100"),
        ("[engine]\nscratch = ''", "[engine] scratch"),
        ("[store]\nurl = 'ftp://host'", '[store] url = "ftp://host": must be "file:DIRECTORY" or "s3://'),
        ("[store]\nendpoint = 'localhost:80'", "[store] endpoint"),
        ("[store]\nendpoint = 'https://s3.example.org/minio/x'", "has a path, /minio/x"),
        ("[store]\ntransfers = 2.5", "[store] transfers = 2.5: must be a whole number from 1 to 256"),
        (
            "[engine]\nhours = '18:00-25:00'",
            "[engine] hours = \"18:00-25:00\": '18:00-25:00': 25:00 is no time",
        ),
        ("[store]\nbandwidth_limit = '20Mb/s'", 'bytes) or "160Mbit/s" (bits), or "none"'),
        ("[store]\nbandwidth_limit = 20", "[store] bandwidth_limit = 20: must be a rate"),
        ("[store]\nbandwidth_limit = '1kB/s'", 'must be a rate from "64kB/s" up'),
        ("[engine]\nhours = 8", "[engine] hours = 8: must be hours like"),
        ("[notify]\nurls = 'https://example.org/secret'", "[notify] urls: must be a list in square brackets"),
        ("[notify]\nurls = ['mailto:joe@example.org']", "[notify] urls: must be addresses like"),
        ("[notify]\nurls = ['http:///hook']", "[notify] urls: must be addresses like"),
        ("[notify]\nurls = ['file:///etc/passwd']", "[notify] urls: must be addresses like"),
        ("[notify]\nmorning = '8:00'", '[notify] morning = "8:00": must be empty or a time of day'),
        ("[notify]\nmorning = '24:00'", "[notify] morning"),
        (
            "[cluster]\nlisten = 'tcp://0.0.0.0:1'",
            '[cluster] listen = "tcp://0.0.0.0:1": must be empty or an address',
        ),
        ("[cluster]\nlisten = 'tls://0.0.0.0'", "[cluster] listen"),
        ("[manifest]\nencoding = 'latin-99'", "[manifest] encoding"),
        ("[manifest]\nencoding = 'base64'", "[manifest] encoding"),
        ("[manifest]\nheader = 'yes'", "[manifest] header"),
        ("[manifest]\ncolumns = [1, 2]", "[manifest] columns"),
        ("[manifest]\ncolumns = { uuid = 1, name = 2 }", "[manifest] columns: source must be there as well"),
        (
            "[manifest]\ncolumns = { uuid = 0, name = 2, source = 3 }",
            "uuid must be a column's number, from 1",
        ),
        ("[manifest]\ncolumns = { uuid = 1, name = 1, source = 3 }", "uuid and name are the same column"),
        (
            "[manifest]\nheader = false\ncolumns = { uuid = 'ID', name = 2, source = 3 }",
            '[manifest] header = false: columns names "ID", so there is a header',
        ),
        ("jpeg = 3", "jpeg is a section: write [jpeg] and its keys below"),
        ("[batch.'a/b'.jpeg]\nquality = 9", '[batch."a/b"]: a batch name is of letters'),
        ("[jpeg]\nquality = 92\nquality = 93", "(at line 3"),
        ("[jpeg\n", "(at line 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    assert says in complaint(tmp_path, text)


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "photostat.toml"
    path.write_bytes(b"[store]\nurl = 'file:caf\xe9'\n")
    with pytest.raises(UserError, match="line 2 is not UTF-8"):
        load(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        load(tmp_path / "photostat.toml")


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [
        ("20MB/s", 20_000_000),
        ("160Mbit/s", 20_000_000),
        ("1.5 GB/s", 1_500_000_000),
        ("64KB/s", 64_000),
        ("1MiB/s", 1 << 20),
        ("512Kibit/s", 1 << 16),
        ("80000B/s", 80_000),
    ],
)
def test_a_rate_is_of_bytes_or_bits(text: str, bytes_per_s: int) -> None:
    assert parse_rate(text) == bytes_per_s
    assert parse_rate(write_rate(bytes_per_s)) == bytes_per_s


@pytest.mark.parametrize(
    "text", ["20Mb/s", "20", "20MB", "20 MB/h", "20mbps", "-1MB/s", "0B/s", "63kB/s", ""]
)
def test_what_may_be_either_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="must be a rate"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ("listen = 'tcp://10.0.0.1:8786'", "tcp:// is not encrypted"),
        ("listen = 'tcp://0.0.0.0:8786'", 'like "tls://0.0.0.0:8786"'),
        ("listen = 'tls://0.0.0.0:70000'", "port 70000 is not one"),
        ("listen = 'tls://0.0.0.0'", "must be empty or an address like"),
        ("listen = 8786", "must be empty or an address like"),
        ("here = false", "set listen as well"),
        ("here = 'no'\nlisten = 'tls://0.0.0.0:8786'", "must be true or false"),
    ],
)
def test_a_cluster_that_is_open_to_all_or_converts_nowhere_is_refused(
    cluster: str, words: str, tmp_path: Path
) -> None:
    assert words in complaint(tmp_path, f"[cluster]\n{cluster}")


def test_an_address_may_be_of_ipv6_and_others_may_convert_alone(tmp_path: Path) -> None:
    config = settings(tmp_path, "[cluster]\nlisten = 'tls://[::1]:8786'\nhere = false")
    assert config.cluster.listen == "tls://[::1]:8786"
    assert (config.workers_here(None, 8), config.workers_here(3, 8)) == (0, 0)
    assert (Config().workers_here(None, 2), Config().workers_here(3, 2)) == (2, 3)
