"""The transactions of the connection that writes, several made one where that is asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sentinelqa.ledger.connection import mapped_errors, transaction


class Transactions:
    """Begins and commits, and knows how the next commit is synced.

    Args:
        db: as :func:`connect_writer` opens it; closed by whoever did so.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._synced = True
        self._together: bool | None = None

    def one(self, *, synced: bool = True) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction; inside ``together`` a part of that.

        Args:
            synced: on disk when the block ends. Else a power loss may undo it, together with
                nothing that came after: the next synced transaction makes it durable too. For what
                only announces work; the death of the process never undoes it either way.

        Raises:
            LedgerError: the disk is full or failing, or another program holds the database.
            ValueError: it must be synced, and the block that it is a part of is not.
        """
        if self._together is None:
            self._sync(synced)
            return transaction(self.db)
        if synced and not self._together:
            raise ValueError("what must be synced is recorded in a block that is not")
        if not self.db.in_transaction:
            self._sync(self._together)
            self.db.execute("BEGIN IMMEDIATE")
        return nullcontext(self.db)

    @contextmanager
    def together(self, *, synced: bool = True) -> Iterator[None]:
        """One transaction of all that is recorded in the block; none where nothing is.

        Raises:
            LedgerError: as ``one``.
        """
        self._together = synced
        with mapped_errors():
            try:
                yield
                self.commit()
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            finally:
                self._together = None

    def commit(self) -> None:
        """End the transaction that is under way, if there is one."""
        if self.db.in_transaction:
            self.db.execute("COMMIT")

    def _sync(self, synced: bool) -> None:
        if synced is not self._synced:
            with mapped_errors():
                self.db.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            self._synced = synced
