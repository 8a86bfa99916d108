"""Readers beside the writer: nobody is told that the database is locked."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinelqa.ledger import Ledger, LedgerReader
from sentinelqa.ledger.connection import transaction
from sentinelqa.retry import Recipe, Round
from sentinelqa.scorer import Scored
from sentinelqa.types import Candidate, Outcome, Request, Settings, Verdict, candidate_id

SETTINGS = Settings(model="fake")


def write_run(path: Path, requests: int) -> float:
    """Write a run; returns the longest that one request took."""
    wants = [Request(id=f"r{n}", prompt="p") for n in range(requests)]
    longest = 0.0
    with Ledger.create(path, fingerprint="f") as ledger:
        ledger.add_requests(wants)
        for want in wants:
            start = time.monotonic()
            candidates = [
                Candidate(id=candidate_id(want.id, i), request_id=want.id, index=i, round=1)
                for i in range(4)
            ]
            recipe = Recipe(settings=SETTINGS, prompt="p")
            ledger.plan_round(want.id, Round(number=1, recipe=recipe, count=4), candidates)
            ledger.lease([c.id for c in candidates])
            verdict = Verdict(outcome=Outcome.FAIL)
            ledger.record_scores([(Scored.outage(c, verdict), None) for c in candidates], "r")
            longest = max(longest, time.monotonic() - start)
    return longest


def beside(path: Path, count: int, work: Callable[[], object]) -> list[Exception]:
    """Do ``work`` while ``count`` threads read again and again. Returns their errors."""
    done = threading.Event()
    errors: list[Exception] = []

    def read() -> None:
        while not done.is_set():
            if not path.exists():
                continue
            try:
                with LedgerReader.open(path) as reader:
                    for _ in zip(range(200), reader.candidates(), strict=False):
                        pass
                    list(reader.requests())
            except Exception as error:  # noqa: BLE001 - any error of a reader is what is looked for
                errors.append(error)
            time.sleep(0.005)

    threads = [threading.Thread(target=read) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        work()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return errors


@pytest.mark.parametrize(
    ("readers", "requests"), [(4, 150), pytest.param(16, 3000, marks=pytest.mark.full)]
)
def test_no_reader_and_no_writer_is_locked_out(tmp_path: Path, readers: int, requests: int) -> None:
    path = tmp_path / "ledger.sqlite"
    assert beside(path, readers, lambda: write_run(path, requests)) == []
    wal = path.with_name(f"{path.name}-wal")
    assert not wal.exists() or wal.stat().st_size <= 64 * 2**20


def contend(path: Path, begin: Callable[[sqlite3.Connection], None]) -> int:
    """Four writers that read before they write. Returns how often one was told "locked"."""
    refused = []

    def work() -> None:
        db = sqlite3.connect(path, timeout=5, isolation_level=None)
        for _ in range(60):
            try:
                begin(db)
                (value,) = db.execute("SELECT session FROM run").fetchone()
                time.sleep(0.0005)
                db.execute("UPDATE run SET session = ?", (value + 1,))
                db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                refused.append(error)
                if db.in_transaction:
                    db.execute("ROLLBACK")
        db.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(refused)


def test_a_transaction_that_begins_deferred_would_be_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    write_run(path, 1)
    began: list[str] = []
    db = sqlite3.connect(path, isolation_level=None)
    db.set_trace_callback(began.append)
    with transaction(db):
        pass
    db.close()
    ours = next(s for s in began if s.startswith("BEGIN"))
    assert contend(path, lambda db: db.execute("BEGIN DEFERRED") and None) > 0
    assert contend(path, lambda db: db.execute(ours) and None) == 0
