"""The soak of several machines: `unshare -m python -m tests.soak.run_machines DIRECTORY MINUTES [SEED]`.

An engine and two other machines, each in a network namespace with mounts and a scratch of its own, store in a directory
that all have mounted. Whatever happens to one of them, no attempt counts but those whose worker was killed.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.conftest import end_engine
from tests.soak.collection import calm_outcomes, make_share
from tests.soak.faults import orders, process_faults
from tests.soak.judgement import files_in, judge
from tests.soak.machine_faults import machine_faults
from tests.soak.machines import ClusterSite
from tests.soak.place import TO_FINISH_S, Place
from tests.soak.place_faults import bind, volume_faults


def main(directory: str, minutes: str, seed: str = "") -> None:
    at, drawn = Path(directory), int(seed) if seed else random.SystemRandom().randrange(10**6)
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:7.1f}  {what}", flush=True)

    say(f"seed {drawn}: SEED={drawn} repeats the draw")
    calm, share = calm_outcomes(at / "calm"), make_share(at / "share")
    volume, mountpoint = at / "volume", at / "mounted"
    for made in (volume / "jpegs", mountpoint):
        made.mkdir(parents=True)
    bind(volume, mountpoint)
    luck = random.Random(drawn)
    limits = (
        f'scratch_limit = "{luck.choice(["600KiB", "2MiB", "20GiB"])}"\nretries = {luck.choice([0, 2])}\n'
    )
    bandwidth = luck.choice(["", 'bandwidth_limit = "3MB/s"\n'])
    settings = f'[engine]\nworkers = 1\n{limits}[store]\nurl = "file:{mountpoint}/jpegs"\n{bandwidth}'
    site = ClusterSite(at / "cluster", share, settings, ("b", "c"))
    faults = [*process_faults(site, luck), *orders(site, luck), *volume_faults(mountpoint, volume)]
    place = Place(site, [*faults, *machine_faults(site, luck, mountpoint, say)], luck, say)
    try:
        place.disturb_until(time.monotonic() + 60 * float(minutes))
        say("calm, to the end")
        site.finish(TO_FINISH_S)
        figures = judge(site, calm, files_in(volume / "jpegs"))
        attempts = site.count_attempts()
        figure = {"seed": drawn, **asdict(figures), "attempts": attempts, "drawn": dict(place.drawn)}
        print(json.dumps(figure, indent=2), flush=True)
    finally:
        end_engine(site.root)
        site.close()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(*sys.argv[1:])
