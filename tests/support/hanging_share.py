"""A share of which some files never answer: a small FUSE server, mounted with nothing but /dev/fuse and mount(2).

A request that the server has read and never answers keeps its process in the kernel, whatever signal it gets, as a dead
NFS server does to a hard mount. When the file is answered again, or the share is unmounted, the process goes on.

It runs as a process of its own (`python -m tests.support.hanging_share MOUNTPOINT DIRECTORY`) and shows that directory:
files and sockets can be read, made, written, linked, renamed and removed there. Lines on stdin say what hangs: `hang
read NAME`, `hang open NAME`, `hang stat NAME`, `hang write NAME`; NAME is the end of a path, or `*`. `fail EIO write
NAME` refuses in place of hanging. `answer` answers all that waits, and nothing hangs or fails any more. Each line is
answered on stdout by `ok` and how many requests wait.

Wire format: <linux/fuse.h>, protocol 7.31.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH208 - the paths are bytes

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import stat
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

_HEADER = struct.Struct("<IIQQIIII")  # fuse_in_header: len, opcode, unique, nodeid, uid, gid, pid, padding
_REPLY = struct.Struct("<IiQ")  # fuse_out_header
_ATTR = struct.Struct("<6Q10I")  # fuse_attr
_MOST_WRITE = 128 << 10
_BUFFER = _MOST_WRITE + 4096
_VERSION = (7, 31)
_DIRECT_IO = 1  # FOPEN_DIRECT_IO: a read is a request, which no page cache answers
_MS_NOSUID_NODEV = 6


@dataclass(frozen=True)
class _Request:
    opcode: int
    unique: int
    node: int
    body: bytes

    def name(self, offset: int = 0) -> bytes:
        return self.body[offset:].split(b"\0")[0]


class _Server:
    """Every node is a path below the directory; reads and writes go there."""

    def __init__(self, device: int, directory: str) -> None:
        self._device = device
        self._paths = {1: os.fsencode(directory)}
        self._nodes = {os.fsencode(directory): 1}
        self._files: dict[int, int] = {}
        self._hangs: set[tuple[str, str]] = set()
        self._fails: dict[tuple[str, str], int] = {}
        self._waiting: list[_Request] = []
        self._operations: dict[int, Callable[[_Request], bytes]] = {
            1: self._lookup,
            3: self._getattr,
            4: self._setattr,
            8: self._mknod,
            9: self._mkdir,
            10: self._unlink,
            11: self._rmdir,
            12: self._rename,
            13: self._link,
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: self._release,
            20: lambda request: b"",  # FSYNC
            25: lambda request: b"",  # FLUSH
            26: self._init,
            27: lambda request: struct.pack("<QII", 0, 0, 0),  # OPENDIR
            28: self._readdir,
            29: lambda request: b"",  # RELEASEDIR
            30: lambda request: b"",  # FSYNCDIR
            35: self._create,
            45: self._rename,  # RENAME2
        }

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # ENODEV: unmounted
            while True:
                readable, _, _ = select.select([self._device, 0], [], [])
                if 0 in readable and not self._obey(os.read(0, 4096).decode()):
                    return
                if self._device in readable:
                    self._take(os.read(self._device, _BUFFER))

    def _obey(self, text: str) -> bool:
        for line in text.splitlines():
            if line == "answer":
                self._hangs.clear()
                self._fails.clear()
                waiting, self._waiting = self._waiting, []
                for request in waiting:
                    self._answer(request)
            elif line.startswith("hang "):
                _, operation, name = line.split(" ", 2)
                self._hangs.add((operation, name))
            elif line.startswith("fail "):
                _, error, operation, name = line.split(" ", 3)
                self._fails[operation, name] = getattr(errno, error)
            print("ok", len(self._waiting), flush=True)
        return bool(text)

    def _take(self, data: bytes) -> None:
        _, opcode, unique, node, *_ = _HEADER.unpack_from(data)
        request = _Request(opcode, unique, node, data[_HEADER.size :])
        if opcode in (2, 36, 42):  # FORGET, INTERRUPT, BATCH_FORGET have no reply
            return
        if any(self._is_about(request, *which) for which in self._hangs):
            self._waiting.append(request)
            return
        error = next((code for which, code in self._fails.items() if self._is_about(request, *which)), 0)
        if error:
            os.write(self._device, _REPLY.pack(_REPLY.size, -error, unique))
        else:
            self._answer(request)

    def _is_about(self, request: _Request, what: str, name: str) -> bool:
        operation = {1: "stat", 3: "stat", 14: "open", 15: "read", 16: "write", 35: "write", 13: "write"}.get(
            request.opcode
        )
        path = self._paths.get(request.node, b"")
        if request.opcode in (1, 35):
            path = path + b"/" + request.name(16 if request.opcode == 35 else 0)
        text = os.fsdecode(path)
        return what == operation and (name == "*" or text.endswith(name))

    def _answer(self, request: _Request) -> None:
        operation = self._operations.get(request.opcode)
        try:
            body, code = (operation(request), 0) if operation else (b"", errno.ENOSYS)
        except OSError as error:
            body, code = b"", error.errno or errno.EIO
        with contextlib.suppress(FileNotFoundError):  # the request was interrupted
            os.write(self._device, _REPLY.pack(_REPLY.size + len(body), -code, request.unique) + body)

    def _child(self, request: _Request, offset: int = 0) -> bytes:
        return self._paths[request.node] + b"/" + request.name(offset)

    def _node(self, path: bytes) -> int:
        node = self._nodes.setdefault(path, len(self._paths) + 1)
        self._paths[node] = path
        return node

    def _entry(self, path: bytes) -> bytes:
        node = self._node(path)
        return struct.pack("<4Q2I", node, 0, 0, 0, 0, 0) + self._attr(node, os.lstat(path))

    def _attr(self, node: int, found: os.stat_result) -> bytes:
        times = [int(found.st_atime), int(found.st_mtime), int(found.st_ctime)]
        parts = [int(ns % 10**9) for ns in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)]
        rest = (found.st_mode, found.st_nlink, found.st_uid, found.st_gid, 0, 4096, 0)
        return _ATTR.pack(node, found.st_size, found.st_blocks, *times, *parts, *rest)

    def _init(self, request: _Request) -> bytes:
        return struct.pack("<4IHHII2H8I", *_VERSION, 0, 0, 0, 0, _MOST_WRITE, 1, 0, 0, *[0] * 8)

    def _lookup(self, request: _Request) -> bytes:
        return self._entry(self._child(request))

    def _getattr(self, request: _Request) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + self._attr(request.node, os.lstat(self._paths[request.node]))

    def _setattr(self, request: _Request) -> bytes:
        valid, _, _, size = struct.unpack_from("<IIQQ", request.body)
        mode = struct.unpack_from("<I", request.body, 68)[0]
        path = self._paths[request.node]
        if valid & 8:
            os.truncate(path, size)
        if valid & 1:
            os.chmod(path, stat.S_IMODE(mode))
        return self._getattr(request)

    def _mknod(self, request: _Request) -> bytes:
        mode, device = struct.unpack_from("<II", request.body)
        os.mknod(self._child(request, 16), mode, device)
        return self._entry(self._child(request, 16))

    def _mkdir(self, request: _Request) -> bytes:
        os.mkdir(self._child(request, 8))
        return self._entry(self._child(request, 8))

    def _unlink(self, request: _Request) -> bytes:
        os.unlink(self._child(request))
        return b""

    def _rmdir(self, request: _Request) -> bytes:
        os.rmdir(self._child(request))
        return b""

    def _rename(self, request: _Request) -> bytes:
        offset = 16 if request.opcode == 45 else 8
        (directory,) = struct.unpack_from("<Q", request.body)
        old, new = request.body[offset:].split(b"\0")[:2]
        target = self._paths[directory] + b"/" + new
        if offset == 16 and os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "there")
        os.rename(self._paths[request.node] + b"/" + old, target)
        return b""

    def _link(self, request: _Request) -> bytes:
        (old,) = struct.unpack_from("<Q", request.body)
        os.link(self._paths[old], self._child(request, 8))
        return self._entry(self._child(request, 8))

    def _opened(self, path: bytes, flags: int) -> bytes:
        descriptor = os.open(path, flags & (os.O_ACCMODE | os.O_TRUNC | os.O_APPEND))
        self._files[descriptor] = descriptor
        is_mapped = path.rpartition(b"/")[2].startswith(b"ledger.")  # by SQLite
        return struct.pack("<QII", descriptor, 0 if is_mapped else _DIRECT_IO, 0)

    def _open(self, request: _Request) -> bytes:
        return self._opened(self._paths[request.node], struct.unpack_from("<I", request.body)[0])

    def _create(self, request: _Request) -> bytes:
        flags, mode = struct.unpack_from("<II", request.body)
        path = self._child(request, 16)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, stat.S_IMODE(mode)))
        return self._entry(path) + self._opened(path, flags & ~os.O_EXCL)

    def _read(self, request: _Request) -> bytes:
        file, offset, size = struct.unpack_from("<QQI", request.body)
        return os.pread(file, size, offset)

    def _write(self, request: _Request) -> bytes:
        file, offset, size = struct.unpack_from("<QQI", request.body)
        return struct.pack("<II", os.pwrite(file, request.body[40 : 40 + size], offset), 0)

    def _statfs(self, request: _Request) -> bytes:
        return struct.pack("<5Q10I", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, *[0] * 7)

    def _release(self, request: _Request) -> bytes:
        (file,) = struct.unpack_from("<Q", request.body)
        os.close(self._files.pop(file))
        return b""

    def _readdir(self, request: _Request) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", request.body)
        found = b""
        for number, name in enumerate(sorted(os.listdir(self._paths[request.node])), 1):
            if number <= offset:
                continue
            entry = struct.pack("<QQII", number, number, len(name), 0) + name
            entry += bytes(-len(entry) % 8)
            if len(found) + len(entry) > size:
                break
            found += entry
        return found


def main() -> None:
    mount_point, directory = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (b"hanging", os.fsencode(mount_point), b"fuse", _MS_NOSUID_NODEV, options.encode())
    if libc.mount(*arguments[:3], ctypes.c_ulong(arguments[3]), arguments[4]) != 0:
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    print("mounted", flush=True)
    try:
        _Server(device, directory).serve()
    finally:
        libc.umount2(os.fsencode(mount_point), 2)  # MNT_DETACH
        os.close(device)  # the connection is aborted: whoever still waits gets an error


if __name__ == "__main__":
    main()
