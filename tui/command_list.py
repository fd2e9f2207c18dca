"""The commands of `photostat`, as `--help` lists them: none is loaded before it is used."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command that is loaded when it is used, so that every command starts quickly, `--help` too."""

    target: str
    """Module and command in `tui.commands`."""
    summary: str
    """The first sentence of its help."""


COMMANDS: dict[str, dict[str, Entry]] = {
    "First steps": {
        "demo": Entry("demo:demo", "Make a small collection in DIR (or ./demo) and convert it."),
        "init": Entry("init:init", "Make DIRECTORY (or the current one) a workspace."),
        "add": Entry("add:add", "Add the rows of a collection export to the ledger."),
        "check": Entry("check:check", "Check every source and the store before a run; change nothing."),
        "run": Entry("run:run", "Start the engine, and watch it."),
    },
    "Watch and control": {
        "status": Entry("status:status", "Show the state of the work, once."),
        "events": Entry(
            "events:events",
            "List what happened, the oldest first: holds, pauses, orders and who gave them, starts, ends and crashes.",
        ),
        "pause": Entry("pause:pause", "Start no more images; those in flight finish."),
        "resume": Entry("resume:resume", "Continue after a pause."),
        "drain": Entry("drain:drain", "Finish what is in flight, then end the engine."),
        "stop": Entry("stop:stop", "End the engine at once."),
        "workers": Entry(
            "workers:workers",
            "Have COUNT worker processes from now on, on the engine's own machine or on another host.",
        ),
        "skip": Entry("skip:skip", "End the attempt at the image ID now, and go on with the others."),
        "batches": Entry(
            "batches:batches",
            "List the batches in the order in which they are converted; move, hold or release one.",
        ),
        "host": Entry(
            "host:host",
            "Convert on this machine for an engine that has invited it, until somebody ends this.",
        ),
        "hosts": Entry(
            "hosts:hosts",
            "Show the machines of the run: the engine's own, those that have joined it, and those that were lost or "
            "have left.",
        ),
        "notify": Entry(
            "notify:notify",
            "Show who is told when a run ends, holds or dies, without the secrets in the addresses.",
        ),
        "service": Entry(
            "service:service",
            "Print a systemd user unit that starts the engine again after a crash or a reboot.",
        ),
    },
    "Failures": {
        "failures": Entry(
            "failures:failures", "List the images that failed, by cause, with what to do about it."
        ),
        "requeue": Entry("requeue:requeue", "Requeue failed images: they are converted again."),
        "accept": Entry("accept:accept", "Accept failed images without a JPEG, for a reason."),
    },
    "Sign-off": {
        "review": Entry(
            "review:review",
            "Review a batch: a sample of its delivered JPEGs beside their sources, for the eye.",
        ),
    },
    "The account": {
        "list": Entry(
            "list:list_images", "List every image: the manifest for the next system, with --csv or --json."
        ),
        "reconcile": Entry("reconcile:reconcile", "Compare the ledger with what is in the store."),
        "report": Entry(
            "report:report", "Write the report: report.html to read and print, and CSV files to compute with."
        ),
        "proof": Entry("proof:proof", "Make a proof sheet: a random sample at several JPEG qualities."),
        "quality": Entry(
            "quality:quality", "Estimate the quality of JPEG files from their quantisation tables."
        ),
    },
    "The shell": {
        "completion": Entry("completion:completion", "Print the completion script for a shell."),
    },
}
