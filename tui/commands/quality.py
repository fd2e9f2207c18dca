"""`photostat quality`: the quality of any JPEG, estimated from its quantisation tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.failures import one_line
from engine.jpeg.inspect import Description, JpegError, describe
from tui.commands.shared.options import json_option
from tui.commands.shared.output import print_json, print_table, warn


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def quality(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Estimate the quality of JPEG files from their quantisation tables.

    The standard tables (ITU-T T.81, Annex K), scaled for every quality from 1 to 100, are compared with the
    file's tables: the nearest by least squares is shown, and whether it is exact. Encoders with tables of their
    own (Photoshop, many cameras) come near a standard quality without matching it.
    """
    described: list[Description] = []
    failed: list[tuple[Path, str]] = []
    for path in files:
        try:
            described.append(describe(path))
        except JpegError as error:
            failed.append((path, one_line(str(error))))
        except OSError as error:
            failed.append((path, error.strerror or str(error)))
    if as_json:
        errors = [{"path": str(path), "error": why} for path, why in failed]
        print_json([*(_document(one) for one in described), *errors])
    elif described:
        print_table(
            ["file", "quality", "tables", "size", "chroma"],
            [_cells(one) for one in described],
            right=["quality"],
        )
    for path, why in failed:
        warn(f"{path}: {why}")
    ctx.exit(1 if failed else 0)


def _cells(described: Description) -> list[str]:
    facts, found = described.facts, described.quality
    tables = "standard" if found.standard else f"not standard (off by {found.rms_difference:.1f} on average)"
    about = "" if found.standard else "about "
    return [
        described.path,
        f"{about}{found.quality}",
        tables,
        f"{facts.width} × {facts.height}",
        facts.subsampling,
    ]


def _document(described: Description) -> dict[str, Any]:
    facts, found = described.facts, described.quality
    return {
        "path": described.path,
        "quality": found.quality,
        "standard": found.standard,
        "rms_difference": round(found.rms_difference, 3),
        "width": facts.width,
        "height": facts.height,
        "subsampling": facts.subsampling,
        "progressive": facts.progressive,
        "icc_bytes": len(facts.icc) if facts.icc is not None else 0,
        "tables": [list(table) for table in facts.tables],
    }
