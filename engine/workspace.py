"""A workspace, the directory with photostat.toml, ledger, scratch and logs: where each is, and where scratch may be."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

from msgspec import Struct

from engine.config import Config, SourcePaths, file_path
from engine.failures import UserError, one_line, system_error_text

CONFIG_NAME = "photostat.toml"
SOCKET_DIRECTORY = ".engine"
"""In the workspace, while an engine runs."""
SCRATCH_ADVICE = 'give scratch a directory of its own, like "scratch"'
_SOCKET_PATH_LIMIT = 100
"""Bytes; a Unix socket's address holds 108 on Linux, 104 on macOS (sys/un.h), the final NUL included."""


class Workspace(Struct, frozen=True):
    root: Path
    """Absolute."""

    @classmethod
    def find(cls, explicit: Path | None = None) -> Workspace:
        """The workspace of `-C`, else of PHOTOSTAT_WORKSPACE, else the current directory.

        Raises UserError if there is no photostat.toml."""
        given = explicit or os.environ.get("PHOTOSTAT_WORKSPACE") or "."
        workspace = cls(Path(given).absolute())
        if not workspace.config_path.is_file():
            shown = "here" if str(given) == "." else f"in {given}"
            argument = "" if str(given) == "." else f" {given}"
            raise UserError(f"no {CONFIG_NAME} {shown}: `photostat init{argument}` makes a workspace")
        return workspace

    @classmethod
    def init(cls, directory: Path) -> Workspace:
        """Makes a workspace with the commented photostat.toml; raises UserError if there is one already.

        Nothing is left of what could not be written."""
        from engine.config.template import template

        workspace = cls(directory.absolute())
        was_there = workspace.root.exists()
        try:
            workspace.root.mkdir(parents=True, exist_ok=True)
            with workspace.config_path.open("x", encoding="utf-8") as file:
                try:
                    file.write(template())
                    file.flush()
                except OSError:
                    workspace.config_path.unlink()
                    raise
        except FileExistsError as error:
            what = error.filename or workspace.root
            raise UserError(f"{what} is there already; nothing was changed") from error
        except OSError as error:
            if not was_there:
                with contextlib.suppress(OSError):
                    workspace.root.rmdir()
            error.filename = error.filename or str(directory)
            raise UserError(system_error_text(error)) from error
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
    def children_path(self) -> Path:
        """The list of the engine's processes, while any of them is there."""
        return self.root / "engine.children"

    @property
    def cluster_dir(self) -> Path:
        """The keys by which other machines and the engine know each other."""
        return self.root / "cluster"

    @property
    def logs_dir(self) -> Path:
        return self.root / "logs"

    @property
    def socket_path(self) -> Path:
        """Where an engine that starts now will listen; the lock has the path of an engine that runs.

        It lies in a directory that nobody else can enter, which is made here: other people may be able to write into
        the workspace. If the path is too long for a socket, or the workspace's file system has no private
        directories or no sockets, that directory is under the temporary directory, and the socket is named after the
        workspace's real path, so it is the same by whatever links one comes. Raises UserError if it is there and not
        private."""
        root = self.root.resolve()
        path = root / SOCKET_DIRECTORY / "engine.sock"
        if _fits(path) and (path.parent.is_symlink() or path.parent.exists() or _can_be_private(path.parent)):
            return _made_private(path.parent) / path.name
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24] + ".sock"
        temporary = Path(tempfile.gettempdir())
        if not _fits(_private_in(temporary) / name):
            temporary = Path("/tmp")
        return _made_private(_private_in(temporary)) / name

    def config(self) -> Config:
        """The settings; raises UserError as engine.config.load does, and if scratch cannot be where they put it."""
        from engine.config.loader import load  # workers use this module too, and read no settings

        config = load(self.config_path)
        fault = scratch_conflict(self.scratch_dir(config), self.root, config)
        if fault is not None:
            raise UserError(f'{CONFIG_NAME}: [engine] scratch = "{one_line(config.engine.scratch)}": {fault}')
        return config

    def scratch_dir(self, config: Config) -> Path:
        return self.root / Path(config.engine.scratch).expanduser()

    def source_dir(self, config: Config) -> Path:
        """Relative source paths start here: [manifest] root, else the workspace."""
        return self.root / Path(config.manifest.root).expanduser()

    def source_paths(self, config: Config) -> SourcePaths:
        """Which path a source of the export is."""
        return SourcePaths(self.source_dir(config), config.manifest.replace)


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= _SOCKET_PATH_LIMIT


def _private_in(temporary: Path) -> Path:
    return temporary / f"photostat-{os.geteuid()}"


def _made_private(directory: Path) -> Path:
    """A directory for sockets with mode 0700; raises UserError if it is something else, or another user's."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    if not _is_private(directory):
        raise UserError(f"{directory} should be a directory only you can enter; move it away")
    return directory


def _is_private(directory: Path) -> bool:
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _can_be_private(directory: Path) -> bool:
    """Makes it. False, and it is gone again, on a file system that keeps no modes, gives files another owner, or has no
    sockets."""
    try:
        directory.mkdir(mode=0o700)
        if _is_private(directory) and _takes_sockets(directory):
            return True
        directory.rmdir()
    except FileExistsError:
        return True  # another process was quicker
    except OSError as error:
        raise UserError(f"{directory}: {error.strerror}") from error
    return False


def _takes_sockets(directory: Path) -> bool:
    path = directory / "s"
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.bind(str(path))
        except OSError:
            return False
    path.unlink()
    return True


def scratch_conflict(place: Path, root: Path, config: Config, *, really: bool = False) -> str | None:
    """Why this directory cannot be scratch, in one line; None if it can.

    Nothing in scratch may serve another purpose. `really` follows symbolic links, which reads the disk."""
    path = os.path.realpath if really else os.path.normpath
    scratch = path(place)
    if scratch == path(root):
        return f"this is the workspace itself: {SCRATCH_ADVICE}"
    if is_within(scratch, path(root / "logs")):
        return f"this is where the logs are: {SCRATCH_ADVICE}"
    if config.store.url.startswith("file:"):
        store = path(root / Path(file_path(config.store.url)).expanduser())
        if is_within(scratch, store):
            return f"this is {'' if scratch == store else 'inside '}the store: {SCRATCH_ADVICE}"
    for to in SourcePaths(root, config.manifest.replace).replacements:
        if is_within(path(to), scratch):
            return f"the sources are there ([manifest] replace): {SCRATCH_ADVICE}"
    if config.manifest.root and is_within(path(root / Path(config.manifest.root).expanduser()), scratch):
        return f"the sources are there ([manifest] root): {SCRATCH_ADVICE}"
    return None


def path_variants(place: Path) -> set[str]:
    """The directory's path as it is written, and with its symbolic links followed."""
    return {os.path.normpath(place), os.path.realpath(place)}


def is_within(path: str, above: str) -> bool:
    """Whether a path is that directory or below it; both are absolute and normal."""
    return path == above or path.startswith(above.rstrip("/") + "/")
