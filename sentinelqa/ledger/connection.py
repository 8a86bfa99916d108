"""SQLite connections with the settings that the ledger's promises rest on."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sentinelqa.errors import LedgerError, RunBusyError
from sentinelqa.ledger.schema import APPLICATION_ID, MIGRATIONS, VERSION

BUSY_SECONDS = 30.0
WAL_LIMIT = 64 * 2**20
"""Bytes to which SQLite cuts the write-ahead log back when it starts it over by itself."""


def connect_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes: a commit is synced before it returns.

    Raises:
        LedgerError: it is not a ledger, or a newer release made it.
    """
    with mapped_errors(path):
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
            _check_kind(db, path)
            _migrate(db)
        except BaseException:
            db.close()
            raise
    return db


def connect_builder(path: Path) -> sqlite3.Connection:
    """A connection to a new database that nobody else sees until it is renamed into place.

    Nothing is synced or logged: a crash leaves a file that is thrown away.
    """
    with mapped_errors(path):
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _migrate(db)
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, for use beside a writer.

    Raises:
        LedgerError: there is no ledger, or it is of another version.
    """
    if not path.is_file():
        raise LedgerError(f"there is no ledger at {path}")
    with mapped_errors(path):
        try:
            return _read_only(path, "ro")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                raise
            # a process that died left a journal that has to be rolled back before anything is read
            return _read_only(path, "rw")


def _read_only(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        db.execute("PRAGMA query_only = ON")
        _check_kind(db, path)
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing. IMMEDIATE, because SQLite does not wait when a reader turns into a writer.

    Raises:
        LedgerError: the disk is full or failing, or another program holds the database.
    """
    with mapped_errors():
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """One view of the ledger for all queries inside, whatever is written meanwhile.

    Keep it short: the log cannot be emptied while somebody is inside.

    Raises:
        LedgerError: the ledger is damaged.
    """
    with mapped_errors():
        db.execute("BEGIN")
        try:
            yield
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


@contextmanager
def mapped_errors(path: Path | None = None) -> Iterator[None]:
    """SQLite's errors as :class:`LedgerError`, saying what to do where something can be done."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        remedy = _REMEDIES.get(name.split("_")[1] if "_" in name else "", "")
        where = f" {path}" if path else ""
        raise LedgerError(
            f"the ledger{where} cannot be used: {error}" + (f" ({remedy})" if remedy else "")
        ) from error


_REMEDIES = {
    "FULL": "free some disk space and run the same command again",
    "IOERR": "the disk reports errors or is full; run the same command again on a healthy one",
    "BUSY": "another program holds it open for writing",
    "CORRUPT": "sentinelqa fsck says what is damaged",
    "NOTADB": "the file is damaged or something else",
    "CANTOPEN": "check the folder's permissions",
    "READONLY": "check the folder's permissions",
}


class RunLock:
    """Held by the one process that may write to a run. The kernel releases it with the process.

    Raises:
        RunBusyError: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(
            folder / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 20).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise RunBusyError(
                f"another process{f' ({holder})' if holder else ''} is working on the run",
                where=str(folder),
                remedy="wait for it, or stop it and run the same command again",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let another process write. Once is enough: the number may be another file's by then."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _check_kind(db: sqlite3.Connection, path: Path) -> None:
    (kind,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if kind != APPLICATION_ID or not version:
        raise LedgerError(f"{path} is not a ledger")
    if version > VERSION:
        raise LedgerError(
            f"{path} was written by a newer release (format {version}, this one reads up to "
            f"{VERSION}); update sentinelqa"
        )


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the tables up to date, each step and its version in one transaction."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for number in range(version, VERSION):
        with transaction(db):
            for statement in _statements(MIGRATIONS[number]):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; ``executescript`` would commit the transaction under way."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
