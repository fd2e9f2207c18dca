"""The soak itself, alone in a mount namespace: `unshare -m python -m tests.soak.run DIRECTORY MINUTES [SEED]`.

Two workspaces are at work at the same time: one stores on a real S3 server behind a relay, the other in a directory
on a volume, from a share that may hang. Each meets faults of its own, one or two at once. When the minutes are over,
all is calm, every row comes to its end, and `judgement` looks at what there is.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from engine.workspace import Workspace
from tests.conftest import end_engine
from tests.soak.collection import Outcome, calm_outcomes, make_share
from tests.soak.faults import orders, process_faults
from tests.soak.judgement import files_in, judge
from tests.soak.place import TO_FINISH_S, Place
from tests.soak.place_faults import (
    bind,
    full_disk,
    hanging_sources,
    locked_ledger,
    mount_tmpfs,
    moved_share,
    read_only,
    s3_faults,
    volume_faults,
)
from tests.soak.site import Site
from tests.support.hung_sources import HangingShare
from tests.support.s3_relay import Relay
from tests.support.seaweed import BUCKET, ENVIRONMENT, Seaweed


class Soak:
    def __init__(self, directory: Path, seed: int) -> None:
        self._seed = seed
        self._directory = directory
        self._began = time.monotonic()
        self.calm: Mapping[str, Outcome] = calm_outcomes(directory / "calm")
        self.server = Seaweed(directory / "seaweed")
        self.server.start()
        self.relay = Relay(self.server.port)
        self.relay.start()
        self.hanging = HangingShare(make_share(directory / "hanging-share"))
        self.s3, self.local = self._s3(), self._local()

    @property
    def places(self) -> tuple[Place, Place]:
        return self.s3, self.local

    def _s3(self) -> Place:
        share = make_share(self._directory / "share")
        settings = f'[store]\nurl = "s3://{BUCKET}/soak"\nendpoint = "{self.relay.endpoint}"\n'
        site = Site(self._directory / "to-s3", share, settings)
        luck = random.Random(f"{self._seed} {site.name}")
        faults = [*process_faults(site, luck), *orders(site, luck), moved_share(share)]
        return Place(site, [*faults, *s3_faults(self.server, self.relay, luck)], luck, self._say)

    def _local(self) -> Place:
        volume, mountpoint = self._directory / "volume", self._directory / "mounted"
        for directory in (volume / "jpegs", mountpoint):
            directory.mkdir(parents=True)
        bind(volume, mountpoint)
        root, scratch = self._directory / "to-directory", self._directory / "scratch"
        mount_tmpfs(root, "256m")
        mount_tmpfs(root / "logs", "64m")
        mount_tmpfs(scratch, "48m")
        settings = f'[engine]\nscratch = "{scratch}"\n[store]\nurl = "file:{mountpoint}/jpegs"\n'
        site = Site(root, self.hanging.directory, settings)
        luck = random.Random(f"{self._seed} {site.name}")
        faults = [*process_faults(site, luck), *orders(site, luck)]
        faults += [*hanging_sources(self.hanging, luck), *volume_faults(mountpoint, volume)]
        faults += [full_disk("scratch", scratch), read_only("scratch", scratch)]
        faults += [full_disk("the ledger", root), full_disk("logs/", root / "logs")]
        faults += [locked_ledger(Workspace(root).ledger_path)]
        return Place(site, faults, luck, self._say)

    def run(self, minutes: float) -> dict[str, object]:
        """The figures. The threads live until the end: the S3 server ends with the one that has started it."""
        deadline_s = time.monotonic() + 60 * minutes
        with ThreadPoolExecutor(len(self.places)) as pool:
            for ended in [pool.submit(place.disturb_until, deadline_s) for place in self.places]:
                ended.result()
            return self._finish()

    def _finish(self) -> dict[str, object]:
        self._say("calm, to the end")
        for place in self.places:
            place.site.finish(TO_FINISH_S)
        in_bucket = {
            key: hashlib.md5(data).hexdigest() for key, data in self.server.contents("soak/").items()
        }
        assert self.server.unfinished_uploads("soak/") == []
        figures = {
            "to S3": judge(self.s3.site, self.calm, in_bucket),
            "to a directory": judge(
                self.local.site, self.calm, files_in(self._directory / "volume" / "jpegs")
            ),
        }
        minutes = (time.monotonic() - self._began) / 60
        drawn = dict(sum((place.drawn for place in self.places), Counter()).most_common())
        return {
            "minutes": round(minutes, 1),
            "faults": sum(drawn.values()),
            "kinds": len(drawn),
            "drawn": drawn,
            **{name: asdict(found) for name, found in figures.items()},
        }

    def close(self) -> None:
        self.hanging.close()
        self.relay.stop()
        self.server.kill()

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f}  {what}", flush=True)


def main(directory: str, minutes: str, seed: str = "") -> None:
    os.environ.update(ENVIRONMENT)
    drawn = int(seed) if seed else random.SystemRandom().randrange(10**6)
    print(f"seed {drawn}: SEED={drawn} repeats the draw", flush=True)
    soak = Soak(Path(directory), drawn)
    try:
        print(json.dumps({"seed": drawn, **soak.run(float(minutes))}, indent=2), flush=True)
    finally:
        soak.close()
        for place in soak.places:
            end_engine(place.site.root)


if __name__ == "__main__":
    main(*sys.argv[1:])
