"""A workspace: the directory with photostat.toml, the ledger, scratch and logs. Where everything in it is."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine.config import Config, load
from engine.failures import UserError, one_line
from engine.places import scratch_conflict

CONFIG_NAME = "photostat.toml"
_SOCKET_PATH_LIMIT = 100
"""Bytes; a Unix socket's address holds 108 on Linux, 104 on macOS (sys/un.h), the final NUL included."""


@dataclass(frozen=True)
class Workspace:
    root: Path
    """Absolute."""

    @classmethod
    def find(cls, explicit: Path | None = None) -> Workspace:
        """The workspace of `-C`, else of PHOTOSTAT_WORKSPACE, else the current directory.

        Raises UserError where there is no photostat.toml."""
        given = explicit or os.environ.get("PHOTOSTAT_WORKSPACE") or "."
        workspace = cls(Path(given).absolute())
        if not workspace.config_path.is_file():
            shown = "here" if str(given) == "." else f"in {given}"
            argument = "" if str(given) == "." else f" {given}"
            raise UserError(f"no {CONFIG_NAME} {shown}: `photostat init{argument}` makes a workspace")
        return workspace

    @classmethod
    def init(cls, directory: Path) -> Workspace:
        """Makes a workspace with the commented photostat.toml; never overwrites one: UserError."""
        workspace = cls(directory.absolute())
        try:
            workspace.root.mkdir(parents=True, exist_ok=True)
            with workspace.config_path.open("x", encoding="utf-8") as file:
                file.write(TEMPLATE)
        except FileExistsError as error:
            what = error.filename or workspace.root
            raise UserError(f"{what} is there already; nothing was changed") from error
        except OSError as error:
            raise UserError(f"{error.filename or directory}: {error.strerror}") from error
        return workspace

    @property
    def config_path(self) -> Path:
        return self.root / CONFIG_NAME

    @property
    def ledger_path(self) -> Path:
        return self.root / "ledger.sqlite"

    @property
    def lock_path(self) -> Path:
        return self.root / "ledger.lock"

    @property
    def logs_dir(self) -> Path:
        return self.root / "logs"

    @property
    def socket_path(self) -> Path:
        """Where an engine started now would listen; where one that runs does is in its lock. A path too long
        for a socket is replaced by one in a private directory of this user's under the temporary directory,
        named after the workspace's real path: by whatever name the workspace is called, it is the same."""
        root = self.root.resolve()
        path = root / "engine.sock"
        if _fits(path):
            return path
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24] + ".sock"
        temporary = Path(tempfile.gettempdir())
        if not _fits(_private_in(temporary) / name):
            temporary = Path("/tmp")
        return _made_private(_private_in(temporary)) / name

    def config(self) -> Config:
        """The settings; raises UserError as engine.config.load does, and for a scratch that cannot be there."""
        config = load(self.config_path)
        fault = scratch_conflict(self.scratch_dir(config), self.root, config)
        if fault is not None:
            raise UserError(f'{CONFIG_NAME}: [engine] scratch = "{one_line(config.engine.scratch)}": {fault}')
        return config

    def scratch_dir(self, config: Config) -> Path:
        return self.root / Path(config.engine.scratch).expanduser()

    def source_dir(self, config: Config) -> Path:
        """The directory that relative sources are relative to: [manifest] root, else the workspace."""
        return self.root / Path(config.manifest.root).expanduser()


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= _SOCKET_PATH_LIMIT


def _private_in(temporary: Path) -> Path:
    return temporary / f"photostat-{os.getuid()}"


def _made_private(directory: Path) -> Path:
    """A 0700 directory of this user's for sockets; UserError where somebody else has made it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UserError(f"{directory} should be a directory only you can enter; move it away")
    return directory


TEMPLATE = """\
# The settings of this photostat workspace. Every key has a default, shown here: delete what you do not change.
# Sizes are written like "20GiB" or "500MB".

[manifest]                 # how to read the collection export (CSV), a row an image
# Which column is what: numbers from 1, or header names. uuid, name and source must be there; the others may be
# left out. checksum, if there is one, holds the md5, sha1 or sha256 of the source file.
columns = { uuid = 1, barcode = 2, record = 3, name = 4, type = 5, source = 6 }
header = "auto"            # is the first line a header? "auto", true or false
encoding = "utf-8"         # or "latin-1", ...
root = ""                  # directory before relative source paths; empty is the workspace itself

[jpeg]                     # [batch.NAME.jpeg] overrides any of these for one batch
quality = 92               # 1 to 100
subsampling = "auto"       # "4:4:4", "4:2:0", or "auto": 4:4:4 from quality 90 up, else 4:2:0
icc = "keep"               # keep the colour profile byte for byte, or convert to "srgb"
metadata = "keep"          # XMP, EXIF and IPTC: "keep" or "none"
background = "#ffffff"     # under transparent pixels
oversize = "fail"          # sides over 65,500 pixels, more than a JPEG holds: "fail" or "shrink"
optimize = false           # optimised Huffman tables: about 2 % smaller, more time, 12 bytes of memory a pixel
progressive = false        # as much memory as optimize
verify = "sample"          # compare a sample of each JPEG with its source, or all of it: "full"

[engine]
workers = "auto"           # processes that convert; auto is one a core, one core kept free from four cores up
memory_floor = "10%"       # memory that must stay available for everything else: a share or a size
memory_limit = "none"      # treat the machine as having no more than this, e.g. "3GiB"
retries = 2                # further attempts where another one may help
timeout = "auto"           # per image: predicted from its megapixels, or seconds, or "10min"
scratch = "scratch"        # directory for JPEGs on their way to the store
scratch_limit = "20GiB"    # conversion waits while more than this lies there
strict = false             # true: a decoder's warning fails the image, and so do pages of zeros in its data

[store]
url = "file:out"           # a directory, or "s3://bucket/prefix"
endpoint = ""              # of an S3-compatible store, e.g. "https://s3.example.org"; empty is AWS
addressing = "auto"        # "path" or "virtual"
checksum = "auto"          # "when_required" for stores that refuse the usual checksums
transfers = 4              # at once

[notify]
urls = []                  # told when a run ends, holds or goes on
bell = false               # true: the TUI rings the terminal when all is done or the engine holds
"""
