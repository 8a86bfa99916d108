"""What only the ledger knows of candidates, read for the requests of one part of a report."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from sentinelqa.ledger.connection import connect_reader, mapped_errors
from sentinelqa.ledger.rows import settings_of, unsigned


@dataclass(frozen=True, slots=True)
class Record:
    """What only the ledger knows of a candidate."""

    settings: str = ""
    duplicate_of: str = ""
    phash: int | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


NOTHING = Record()

_CANDIDATES = """
    SELECT c.key, c.id, c.phash, r.settings, v.warnings, b.id FROM candidate c
    LEFT JOIN round r ON r.request = c.request AND r.number = c.round
    LEFT JOIN verdict v ON v.candidate = c.key
    LEFT JOIN duplicate t ON t.candidate = c.key
    LEFT JOIN candidate b ON b.key = t.better
    WHERE c.request BETWEEN (SELECT position FROM request WHERE id = ?)
    AND (SELECT position FROM request WHERE id = ?)
"""
_NOTES = """
    SELECT m.candidate, m.dimension, m.note FROM candidate c
    JOIN measurement m ON m.candidate = c.key WHERE m.note <> ''
    AND c.request BETWEEN (SELECT position FROM request WHERE id = ?)
    AND (SELECT position FROM request WHERE id = ?)
    ORDER BY m.candidate, m.dimension
"""


@dataclass(slots=True)
class _Same:
    """Each distinct value once: candidates share their settings, and often their notes."""

    settings: dict[str | None, str] = field(default_factory=lambda: {None: ""})
    notes: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = field(
        default_factory=dict
    )

    def settings_of(self, text: str | None) -> str:
        if text not in self.settings:
            self.settings[text] = json.dumps(settings_of(str(text)).as_dict())
        return self.settings[text]


def records_between(ledger: Path, first: str, last: str) -> dict[str, Record]:
    """By id, the candidates of the requests from ``first`` to ``last``, both included.

    Raises:
        LedgerError: the ledger is damaged, or of another version.
    """
    with mapped_errors():
        db = connect_reader(ledger)
        try:
            return _records(db, (first, last))
        finally:
            db.close()


def _records(db: sqlite3.Connection, ends: tuple[str, str]) -> dict[str, Record]:
    same = _Same()
    notes: dict[int, tuple[tuple[str, str], ...]] = {}
    for key, dimension, note in db.execute(_NOTES, ends):
        told = (*notes.get(key, ()), (dimension, note))
        notes[key] = same.notes.setdefault(told, told)
    found = {}
    for key, name, phash, settings, warnings, better in db.execute(_CANDIDATES, ends):
        found[name] = Record(
            settings=same.settings_of(settings),
            duplicate_of=better or "",
            phash=unsigned(phash),
            warnings=tuple(json.loads(warnings)) if warnings and warnings != "[]" else (),
            notes=notes.get(key, ()),
        )
    return found
