"""`photostat init`: a workspace with a commented photostat.toml."""

from __future__ import annotations

from pathlib import Path

import click

from engine.workspace import Workspace
from tui.commands.shared.options import json_option
from tui.commands.shared.output import print_json, print_line


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def init(ctx: click.Context, directory: Path | None, as_json: bool) -> None:
    """Make DIRECTORY (or the current one) a workspace.

    Writes a photostat.toml in which every setting is explained, and nothing else. An existing photostat.toml is
    never changed.
    """
    given = directory or ctx.find_root().params.get("directory") or Path()
    workspace = Workspace.init(given)
    if as_json:
        print_json({"workspace": str(workspace.root), "settings": str(workspace.config_path)})
        return
    print_line(f"{workspace.config_path} has every setting, with an explanation.")
    at = "" if given == Path() else f" -C {given}"
    print_line(
        f"Next: set there which column of your export is what, then run `photostat{at} add EXPORT.csv`."
    )
