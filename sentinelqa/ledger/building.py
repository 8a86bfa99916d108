"""A ledger in the making: it is filled beside its place, and renamed into it as a whole.

A process that dies while a million requests are read leaves no ledger, rather than half of one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sentinelqa.errors import JobError
from sentinelqa.files import PART, sync
from sentinelqa.ledger import rows
from sentinelqa.ledger.connection import connect_builder, mapped_errors, transaction
from sentinelqa.types import Candidate, Request


class Building:
    """The new database. Exactly one of ``rename_to`` and ``discard`` ends it."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._part = path.with_name(f".{path.name}{PART}")
        self._part.unlink(missing_ok=True)
        self._db = connect_builder(self._part)
        with transaction(self._db) as db:
            db.execute("INSERT INTO run VALUES (1, ?, 0, ?, NULL)", (fingerprint, time.time()))

    def add_requests(self, requests: Iterable[Request]) -> None:
        """See :meth:`sentinelqa.ledger.Ledger.add_requests`."""
        with transaction(self._db) as db:
            for position, request in enumerate(requests):
                _insert(db, position, request)

    def add_existing(self, images: Iterable[tuple[Request, Candidate]]) -> None:
        """See :meth:`sentinelqa.ledger.Ledger.add_existing`."""
        with transaction(self._db) as db:
            for position, (request, candidate) in enumerate(images):
                _insert(db, position, request)
                try:
                    db.execute(
                        "INSERT INTO candidate (id, request, idx, round, seed, source, state)"
                        " VALUES (?, ?, ?, 0, ?, ?, 'planned')",
                        (candidate.id, position, candidate.index, candidate.seed, candidate.path),
                    )
                except sqlite3.IntegrityError as error:
                    raise JobError(
                        f"the image {candidate.path!r} is named twice", where=request.where
                    ) from error

    def rename_to(self, path: Path) -> None:
        """Put the finished database, on disk as a whole, into its place."""
        with mapped_errors(path):
            # now, so that opening it for writing does not have to convert it under a journal
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.close()
        sync(self._part)
        self._part.rename(path)

    def discard(self) -> None:
        """Throw the unfinished database away."""
        self._db.close()
        self._part.unlink(missing_ok=True)


def _insert(db: sqlite3.Connection, position: int, request: Request) -> None:
    row: tuple[Any, ...] = (position, request.id, rows.request_payload(request), request.deliver)
    try:
        db.execute(
            "INSERT INTO request (position, id, payload, wanted, state)"
            " VALUES (?, ?, ?, ?, 'open')",
            row,
        )
    except sqlite3.IntegrityError as error:
        raise JobError(
            f"the request id {request.id!r} occurs twice",
            where=request.where,
            remedy="give every request an id of its own",
        ) from error
