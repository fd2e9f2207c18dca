"""Which batch a row belongs to: one for the whole export, or one for each material type."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.config import check_batch_name
from engine.failures import UserError, one_line
from engine.manifest.names import safe_batch_name

_MOST_BATCHES = 200
"""More material types than this are a wrong column."""


def batch_for_all(export: Path, batch: str | None) -> str:
    """The name that `--batch` gives, else the file's. Raises UserError if it cannot be a batch's."""
    if batch is None:
        try:
            return safe_batch_name(_stem(export))
        except ValueError as error:
            raise UserError(f"{export}: {error}; give one with --batch") from error
    try:
        return check_batch_name(batch)
    except ValueError as error:
        try:
            possible = f": --batch {safe_batch_name(batch)} would do"
        except ValueError:
            possible = ""
        raise UserError(f"--batch {one_line(batch)!r}: {error}{possible}") from error


def _stem(export: Path) -> str:
    """`maps` of maps.csv, and of maps.csv.gz."""
    name = export.with_suffix("") if export.suffix.lower() == ".gz" else export
    return name.stem if name.suffix.lower() in (".csv", ".txt", ".tsv") or name is export else name.name


class BatchNames:
    """Material types that differ in case alone, or only in what a name may not have, share a batch."""

    def __init__(self, existing: Iterable[str], for_all: str | None) -> None:
        """`existing` are the ledger's batches. `for_all` is the batch of every row; None makes one for each type."""
        self._for_all = for_all
        self.notes: list[str] = []
        self._by_type: dict[str, str] = {}
        self._by_folded = {name.casefold(): name for name in existing}
        self._first_type: dict[str, str] = {}
        if for_all is not None:
            similar = self._by_folded.get(for_all.casefold(), for_all)
            if similar != for_all:
                self.notes.append(f"batch {for_all} differs from batch {similar} in case alone")

    def of(self, material_type: str) -> str:
        """Raises ValueError for a type of which no batch name can be made."""
        if self._for_all is not None:
            return self._for_all
        known = self._by_type.get(material_type)
        return known if known is not None else self._name(material_type)

    def _name(self, material_type: str) -> str:
        if not material_type.strip():
            raise ValueError("the column to split by is empty")
        safe = safe_batch_name(material_type.strip())
        name = self._by_folded.setdefault(safe.casefold(), safe)
        first = self._first_type.setdefault(name, material_type)
        self._by_type[material_type] = name
        if len(self._by_type) > _MOST_BATCHES:
            raise UserError(
                f"splitting makes more than {_MOST_BATCHES} batches, the last of them {name!r}: is it the right column?"
            )
        if first != material_type:
            self.notes.append(f"{material_type!r} goes into batch {name}, together with {first!r}")
        elif name != material_type:
            self.notes.append(f"{material_type!r} goes into batch {name}")
        return name
