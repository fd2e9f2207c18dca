"""What Dask is told, and that it is not even loaded where nothing of it is needed."""

from __future__ import annotations

import subprocess
import sys

from engine.hosts.dask_settings import configure


def test_dask_serves_no_pages_and_takes_the_timeouts() -> None:
    configure()
    import dask
    from dask.utils import parse_timedelta

    assert dask.config.get("distributed.scheduler.http.routes") == []
    assert parse_timedelta(dask.config.get("distributed.comm.timeouts.tcp")) >= 11, "below that it asserts"


def test_a_machine_without_a_way_to_the_internet_is_warned_of_nothing() -> None:
    code = (
        "from distributed.utils import get_ip; get_ip('255.255.255.255')"  # which the kernel refuses at once
    )
    told = subprocess.run(
        [sys.executable, "-c", f"from engine.hosts import dask_settings; dask_settings.configure(); {code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stderr == ""


def test_what_the_children_of_a_host_import_again_loads_nothing_of_dask() -> None:
    """A spawned child imports the `__main__` of its parent, which is the host's entry point."""
    code = "import engine.host, sys; print(sorted({'dask', 'distributed', 'tornado'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told == "[]\n"
