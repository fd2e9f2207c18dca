"""`[cluster] hosts`: machines that the engine starts `photostat host` on, over ssh."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from engine.failures import nearest

_KEYS = ("at", "name", "command", "workers", "scratch")
_DESTINATION = re.compile(r"[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
_LIKE = 'like "conv2", "user@conv3" or { at = "conv4", workers = 8, scratch = "/data/scratch" }'


class SshHost(Struct, frozen=True):
    at: str
    """As ssh knows it: a name of ~/.ssh/config, `user@host`, `ssh://user@host:port`."""
    name: str
    command: str = ""
    """Of photostat there; empty is that of [cluster] command."""
    workers: int | None = None
    scratch: str = ""


def read_ssh_hosts(value: Any) -> tuple[SshHost, ...]:
    """Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"must be a list in square brackets, of hosts {_LIKE}")
    hosts = tuple(_read(one if isinstance(one, dict) else {"at": one}) for one in value)
    names = [host.name for host in hosts]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f'two of them would have the name {name}: give one another, {{ at = "…", name = "…" }}'
            )
    return hosts


def write_ssh_hosts(hosts: tuple[SshHost, ...]) -> list[str]:
    return [host.at for host in hosts]


def _read(table: dict[str, Any]) -> SshHost:
    for key in table:
        if key not in _KEYS:
            meant = nearest(key, _KEYS)
            raise ValueError(f"unknown key {key}" + (f"; did you mean {meant}?" if meant else ""))
    at = table.get("at")
    if not isinstance(at, str) or not _DESTINATION.fullmatch(at):
        raise ValueError(f"each must be a host {_LIKE}")
    name = table.get("name", _name_of(at))
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "here":
        raise ValueError(
            f'{at} needs another name, of letters, digits, dots and hyphens, at most 40: {{ at = "…", name = "…" }}'
        )
    workers = table.get("workers")
    if workers is not None and (
        isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 1024
    ):
        raise ValueError(f"workers of {at} must be a whole number from 1 to 1024")
    for key in ("command", "scratch"):
        if not isinstance(text := table.get(key, ""), str) or not (text.isprintable()):
            raise ValueError(f"{key} of {at} must be text of one line")
    return SshHost(at, name, table.get("command", ""), workers, table.get("scratch", ""))


def _name_of(at: str) -> str:
    """Of the machine, from what ssh is told."""
    host = at.removeprefix("ssh://").rpartition("@")[2].split("/")[0]
    if at.startswith("ssh://"):
        host = re.sub(r":\d+$", "", host)
    return re.sub(r"[^A-Za-z0-9.-]+", "-", host).strip("-.")[:40]
