"""The write-ahead log kept short, also beside readers that never leave a gap.

SQLite starts its log over when a commit finds no reader inside it. Where readers overlap, as a few
dashboards do, that moment may never come and the log grows with the run. The writer then asks for
the moment: it waits, a bounded time, for those inside to leave, while new readers already read the
database file itself.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from sentinelqa.ledger.connection import BUSY_SECONDS, mapped_errors

log = logging.getLogger(__name__)

LIMIT = 16 * 2**20
"""Bytes of log after which the writer asks for the moment."""
STEP = 8 * 2**20
"""Bytes after which it asks again when a reader did not leave in time."""
PATIENCE = 0.5
"""Seconds that the writer waits for it, in all."""


class LogKeeper:
    """Looks after the log of the one connection that writes.

    Args:
        path: the ledger.
    """

    def __init__(self, path: Path) -> None:
        self._wal = path.with_name(f"{path.name}-wal")
        self._due = LIMIT

    def keep_short(self, db: sqlite3.Connection) -> None:
        """Empty the log when it is long. Call it between transactions.

        Raises:
            LedgerError: the disk is full or failing.
        """
        size = self._wal.stat().st_size
        if size < self._due:
            return
        with mapped_errors():
            db.execute(f"PRAGMA busy_timeout = {round(1000 * PATIENCE)}")
            try:
                (refused, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                db.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_SECONDS)}")
        self._due = size + STEP if refused else LIMIT
        if refused:
            log.info("a reader keeps %d MB of the ledger's log in use", size >> 20)
