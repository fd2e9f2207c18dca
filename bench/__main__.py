"""Runs the measurements: `python -m bench` all the short ones, `python -m bench NAME [ARGUMENT…]` one."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    module: str
    arguments: tuple[str, ...] = ()
    short: bool = True
    """Some minutes at most, and nothing to be given."""


MEASUREMENTS = (
    Measurement("conversion"),
    Measurement("witness"),
    Measurement("busy"),
    Measurement("manifest"),
    Measurement("supervisor"),
    Measurement("hosts", ("--hosts", "1,4", "--seconds", "20")),
    Measurement("headers"),
    Measurement("start"),
    Measurement("listing"),
    Measurement("terminal_bytes"),
    Measurement("memory", short=False),
    Measurement("peaks", short=False),
    Measurement("peers", short=False),
    Measurement("cores", short=False),
    Measurement("gpu", short=False),
)


def summary(measurement: Measurement) -> str:
    """The first line of the module's description."""
    described = importlib.import_module(f"bench.{measurement.module}").__doc__ or ""
    return described.strip().splitlines()[0]


def run(measurement: Measurement, arguments: tuple[str, ...]) -> int:
    """Runs it in an interpreter of its own; gives the exit code."""
    return subprocess.run(
        [sys.executable, "-m", f"bench.{measurement.module}", *arguments], check=False
    ).returncode


def main(arguments: list[str]) -> int:
    known = {measurement.module: measurement for measurement in MEASUREMENTS}
    if arguments and arguments[0] in known:
        return run(known[arguments[0]], tuple(arguments[1:]))
    if arguments:
        for measurement in MEASUREMENTS:
            print(f"{measurement.module:<12} {summary(measurement)}")
        return 0 if arguments[0] in ("-h", "--help", "list") else 2
    codes = []
    for measurement in MEASUREMENTS:
        if measurement.short:
            print(f"\n== {measurement.module}: {summary(measurement)}", flush=True)
            codes.append(run(measurement, measurement.arguments))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
