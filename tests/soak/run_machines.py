"""The soak of several machines: `unshare -m python -m tests.soak.run_machines DIRECTORY MINUTES [SEED]`.

An engine and two other machines, each in a network namespace with mounts and a scratch of its own, of which one has a
wrong clock, as drawn. They store in a directory that all have mounted, or in a bucket.
Whatever happens to one of them, no attempt counts but those whose worker was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.conftest import end_engine
from tests.soak.collection import calm_outcomes, make_share
from tests.soak.faults import Fault, orders, process_faults
from tests.soak.judgement import files_in, judge
from tests.soak.machine_faults import machine_faults
from tests.soak.machines import ClusterSite
from tests.soak.place import TO_FINISH_S, Place
from tests.soak.place_faults import bind, s3_faults, volume_faults
from tests.support.networks import Network
from tests.support.s3_relay import Relay
from tests.support.seaweed import BUCKET, ENVIRONMENT, Seaweed

_CLOCKS = (0, 400, -400)
"""Seconds ahead or behind."""


class Volume:
    """A directory that all machines have mounted."""

    refusals: tuple[str, ...] = ()

    def __init__(self, at: Path) -> None:
        self._volume, self.mountpoint = at / "volume", at / "mounted"
        for made in (self._volume / "jpegs", self.mountpoint):
            made.mkdir(parents=True)
        bind(self._volume, self.mountpoint)
        self.settings = f'url = "file:{self.mountpoint}/jpegs"\n'

    def faults(self, luck: random.Random) -> list[Fault]:
        return volume_faults(self.mountpoint, self._volume)

    def stored(self) -> Mapping[str, str]:
        return files_in(self._volume / "jpegs")

    def close(self) -> None:
        """Its mount goes with the namespace."""


class Bucket:
    """Of a server that all machines reach through a relay."""

    mountpoint = None
    refusals = ("store-denied", "store-mismatch")

    def __init__(self, at: Path, network: Network) -> None:
        os.environ.update(ENVIRONMENT)
        self._server = Seaweed(at / "s3")
        self._server.start()
        self._relay = Relay(self._server.port, address=network.reach())
        self._relay.start()
        self.settings = f'url = "s3://{BUCKET}/soak"\nendpoint = "{self._relay.endpoint}"\n'

    def faults(self, luck: random.Random) -> list[Fault]:
        return s3_faults(self._server, self._relay, luck)

    def stored(self) -> Mapping[str, str]:
        assert self._server.unfinished_uploads("soak/") == []
        return {key: hashlib.md5(data).hexdigest() for key, data in self._server.contents("soak/").items()}

    def close(self) -> None:
        self._relay.stop()
        self._server.kill()


def clock(ahead_s: int) -> str:
    """What Python runs first on a machine whose clock is ahead, or behind."""
    return f"import time\n_right = time.time\ntime.time = lambda: _right() + {ahead_s}\n" if ahead_s else ""


def main(directory: str, minutes: str, seed: str = "") -> None:
    at, drawn = Path(directory), int(seed) if seed else random.SystemRandom().randrange(10**6)
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:7.1f}  {what}", flush=True)

    say(f"seed {drawn}: SEED={drawn} repeats the draw")
    calm, share = calm_outcomes(at / "calm"), make_share(at / "share")
    luck, network = random.Random(drawn), Network()
    store = Bucket(at, network) if luck.random() < 0.5 else Volume(at)
    ahead_s = luck.choice(_CLOCKS)
    say(f"{type(store).__name__}; the clock of c: {ahead_s} s ahead")
    limits = (
        f'scratch_limit = "{luck.choice(["600KiB", "2MiB", "20GiB"])}"\nretries = {luck.choice([0, 2])}\n'
    )
    bandwidth = luck.choice(["", 'bandwidth_limit = "3MB/s"\n'])
    settings = f"[engine]\nworkers = 1\n{limits}[store]\n{store.settings}{bandwidth}"
    site = ClusterSite(at / "cluster", share, settings, {"b": "", "c": clock(ahead_s)}, network)
    faults = [*process_faults(site, luck), *orders(site, luck), *store.faults(luck)]
    place = Place(site, [*faults, *machine_faults(site, luck, store.mountpoint, say)], luck, say)
    try:
        _disturb(place, minutes, say)
        figures = judge(site, calm, store.stored())
        attempts = site.count_attempts(store.refusals)
        figure = {"seed": drawn, **asdict(figures), "attempts": attempts, "drawn": dict(place.drawn)}
        print(json.dumps(figure, indent=2), flush=True)
    finally:
        end_engine(site.root)
        site.close()
        store.close()


def _disturb(place: Place, minutes: str, say: Callable[[str], None]) -> None:
    place.disturb_until(time.monotonic() + 60 * float(minutes))
    say("calm, to the end")
    place.site.finish(TO_FINISH_S)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(*sys.argv[1:])
