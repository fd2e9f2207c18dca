"""Makes the demo: the images, the planted faults and the export, in a directory that is a workspace."""

from __future__ import annotations

import csv
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.demo.collection import SEED, Plate, colliding, identity, plates
from engine.demo.painting import make_plate
from engine.failures import Cause, UserError
from engine.files.atomic_files import naming, replacing
from engine.workspace import Workspace

EXPORT_NAME = "export.csv"
COLUMNS = ("uuid", "barcode", "record", "name", "type", "source")
MARK = ".photostat-demo"
_MARK_TEXT = "The demo collection of photostat, made by `photostat demo`.\n"
_MOST_PROCESSES = 8

Progress = Callable[[int, int, str], None]
"""Called with the images that are there, all images, and the name of the one just made."""


@dataclass(frozen=True)
class PlantedFault:
    """A row of the export that fails, and its cause."""

    type: str
    item: str
    name: str
    source: str
    cause: Cause


@dataclass(frozen=True)
class DemoReport:
    workspace: Path
    export: Path
    rows: int
    """Of the export."""
    images: int
    """Good images, which convert."""
    made: int
    """Files made in this call; the others were there before."""
    megapixels: float
    source_bytes: int
    faults: tuple[PlantedFault, ...]
    seconds: float


def make_demo(
    directory: Path,
    progress: Progress = lambda done, total, name: None,
    only: Callable[[Plate], bool] | None = None,
) -> DemoReport:
    """Makes the demo in `directory`, or completes one that was begun; every byte is the same every time.

    `only` chooses among the good images, because tests need few. Raises UserError if the directory holds anything
    else, OSError.
    """
    started = time.monotonic()
    claim(directory)
    chosen = [(plate, (SEED, number)) for number, plate in enumerate(plates()) if only is None or only(plate)]
    pair = [(plate, (SEED, 1000 + number)) for number, plate in enumerate(colliding())]
    made = _paint_all(directory, [*chosen, *pair], progress)
    faults = _plant_faults(directory)
    rows = _rows([plate for plate, _ in chosen], [plate for plate, _ in pair], faults)
    _write_export(directory / EXPORT_NAME, rows)
    collisions = tuple(
        PlantedFault(p.type, p.item, p.name, p.source, Cause.TARGET_COLLISION) for p, _ in pair
    )
    return DemoReport(
        workspace=directory,
        export=directory / EXPORT_NAME,
        rows=len(rows),
        images=len(chosen),
        made=made,
        megapixels=sum(plate.megapixels for plate, _ in chosen),
        source_bytes=sum((directory / plate.source).stat().st_size for plate, _ in chosen),
        faults=(*faults, *collisions),
        seconds=time.monotonic() - started,
    )


def claim(directory: Path) -> None:
    """Makes the directory a workspace and marks it as the demo's; raises UserError if something else is in it."""
    if directory.exists() and not directory.is_dir():
        raise UserError(f"{directory} is a file; give the name of a new directory")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / MARK).is_file():
        raise UserError(f"{directory} is not empty and holds no demo; give the name of a new directory")
    directory.mkdir(parents=True, exist_ok=True)
    with naming(directory / MARK):
        (directory / MARK).write_text(_MARK_TEXT, encoding="utf-8")
    workspace = Workspace(directory.absolute())
    if not workspace.config_path.exists():
        Workspace.init(directory)


def _paint_all(directory: Path, jobs: list[tuple[Plate, tuple[int, int]]], progress: Progress) -> int:
    """Makes the missing files, largest first, in a few processes; returns how many."""
    missing = [(plate, seed) for plate, seed in jobs if not (directory / plate.source).is_file()]
    missing.sort(key=lambda job: -job[0].megapixels)
    there = len(jobs) - len(missing)
    progress(there, len(jobs), "")
    if not missing:
        return 0
    context = multiprocessing.get_context("spawn")
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES, len(missing))
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        under_way = {
            pool.submit(make_plate, directory / plate.source, plate, seed): plate for plate, seed in missing
        }
        try:
            for finished, future in enumerate(as_completed(under_way), there + 1):
                future.result()
                progress(finished, len(jobs), under_way[future].name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return len(missing)


def _plant_faults(directory: Path) -> tuple[PlantedFault, ...]:
    """Writes the faulty files; they are made from the good ones every time."""
    missing = PlantedFault(
        "newspapers", "gazette 1902-01-04", "gazette_4.tiff", _at("gazette 1902-01-04", "gazette_4.jp2"),
        Cause.SOURCE_MISSING,
    )  # fmt: skip
    truncated = PlantedFault(
        "photographs", "album Hooft", "album_hooft_07.tif", _at("album Hooft", "album_hooft_07.jp2"),
        Cause.TRUNCATED,
    )  # fmt: skip
    disguised = PlantedFault(
        "maps", "atlas 2", "COLLBN_P005_N5.tif", _at("atlas 2", "COLLBN_P005_N5.jp2"), Cause.NOT_JPEG2000
    )
    empty = PlantedFault(
        "manuscripts", "letter Whitlock", "BPL 2596, fol. 5.tif", _at("letter Whitlock", "BPL 2596, fol. 5.jp2"),
        Cause.NOT_JPEG2000,
    )  # fmt: skip
    faults = (missing, truncated, disguised, empty)
    for fault in faults:
        (directory / fault.source).parent.mkdir(parents=True, exist_ok=True)
    whole = (directory / colliding()[0].source).read_bytes()
    (directory / truncated.source).write_bytes(whole[: int(len(whole) * 0.62)])
    stripes = (np.indices((240, 320)).sum(axis=0) % 64 * 4).astype(np.uint8)
    Image.fromarray(stripes).save(directory / disguised.source, format="TIFF")
    (directory / empty.source).write_bytes(b"")
    return faults


def _at(item: str, file: str) -> str:
    return f"source/{identity(item)}/{file}"


def _rows(good: list[Plate], pair: list[Plate], faults: tuple[PlantedFault, ...]) -> list[tuple[str, ...]]:
    """The export, type by type, with the faults among the images of their type."""
    entries = [(p.type, p.item, p.name, p.source) for p in (*good, *pair)]
    entries += [(f.type, f.item, f.name, f.source) for f in faults]
    types = list(dict.fromkeys(kind for kind, *_ in entries))
    items = sorted({item for _, item, *_ in entries})
    entries.sort(key=lambda entry: (types.index(entry[0]), entry[1], entry[2]))
    return [
        (
            identity(item),
            f"L{items.index(item) + 4711:08}",
            f"99{items.index(item) * 7919 + 1234567:010}",
            name,
            kind,
            source,
        )
        for kind, item, name, source in entries
    ]


def _write_export(path: Path, rows: list[tuple[str, ...]]) -> None:
    with replacing(path) as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
