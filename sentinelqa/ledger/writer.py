"""The writing side of the ledger: what a run records while it goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from sentinelqa.errors import LedgerError
from sentinelqa.files import sync
from sentinelqa.ledger import queries, rows, states
from sentinelqa.ledger.building import Building
from sentinelqa.ledger.connection import RunLock, connect_reader, connect_writer, mapped_errors
from sentinelqa.ledger.keys import Keys
from sentinelqa.ledger.transactions import Transactions
from sentinelqa.ledger.wal import LogKeeper
from sentinelqa.types import (
    Candidate,
    Check,
    Measurement,
    Outcome,
    Request,
    RequestOutcome,
    Selection,
    StoredImage,
    Verdict,
)

if TYPE_CHECKING:
    import sqlite3

    from sentinelqa.pooling import FirstRound
    from sentinelqa.progress import Tally
    from sentinelqa.retry import Round

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a candidate was generated.

    Attributes:
        seconds: its share of the device's time.
        shape_planned, shape_actual: batch sizes; they differ when memory ran out.
    """

    seconds: float
    shape_planned: int
    shape_actual: int


class ScoredCandidate(Protocol):
    """What scoring says of one candidate; the scorer's ``Scored``, and whatever looks like it."""

    @property
    def candidate(self) -> Candidate: ...
    @property
    def measurements(self) -> Sequence[Measurement]: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def image(self) -> StoredImage | None: ...
    @property
    def phash(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...


class Ledger:
    """The durable record, open for writing by this process alone. A context manager.

    Every method is one transaction, except inside :meth:`together`. Results and deliveries are on
    disk when it returns; plans, leases and selections at the latest with the result that follows
    from them. Leases that are open when the block is left in order, or by an interruption, are
    given back.

    Raises:
        LedgerError: from every method, when the disk is full or failing.
    """

    def __init__(self, db: sqlite3.Connection | None, lock: RunLock, path: Path) -> None:
        self._transactions = None if db is None else Transactions(db)
        self._lock = lock
        self._path = path
        self._keeper = LogKeeper(path)
        self._building: Building | None = None
        self._keys: Keys
        self._session = 0

    @classmethod
    def create(cls, path: Path, *, fingerprint: str) -> Ledger:
        """A ledger for a new run. It appears at ``path`` once its requests are added, as a whole.

        Raises:
            LedgerError: there is one already, or another process is making one.
        """
        lock = RunLock(path.parent)
        if path.exists():
            lock.release()
            raise LedgerError(f"there is a ledger at {path} already")
        ledger = cls(None, lock, path)
        ledger._building = Building(path, fingerprint)
        return ledger

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Go on with a run. What was under way when its last process died is planned again.

        Raises:
            LedgerError: there is none, it is damaged or too new, or another process has it.
        """
        if not path.is_file():
            raise LedgerError(f"there is no ledger at {path}")
        lock = RunLock(path.parent)
        try:
            ledger = cls(connect_writer(path), lock, path)
            ledger._begin_session()
        except BaseException:
            lock.release()
            raise
        return ledger

    @staticmethod
    def fingerprint_of(path: Path) -> str:
        """Which job the ledger at ``path`` belongs to; also while another process has it open."""
        db = connect_reader(path)
        with mapped_errors(path):
            try:
                return str(db.execute("SELECT fingerprint FROM run").fetchone()[0])
            finally:
                db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(in_order=kind is None or issubclass(kind, KeyboardInterrupt))

    def close(self, *, in_order: bool = True) -> None:
        """Let go of the run. Leases are given back unless a failure is behind it."""
        try:
            if self._building is not None:
                self._building.discard()
            elif self._transactions is not None:
                with mapped_errors():
                    if in_order:
                        with self._transaction() as db:
                            states.give_back(db, self._session)
                    self._db.close()
        finally:
            self._transactions = None
            self._building = None
            self._lock.release()

    def add_requests(self, requests: Iterable[Request]) -> None:
        """Record what is wanted, in order, and make the ledger appear.

        Raises:
            JobError: two requests share an id. What ``requests`` raises passes through.
        """
        with self._appearing() as building:
            building.add_requests(requests)

    def add_existing(self, images: Iterable[tuple[Request, Candidate]]) -> None:
        """Record existing images, each with the request that it is judged by.

        The prompt of the candidate is that of its request.

        Raises:
            JobError: two images share a request id or a path.
        """
        with self._appearing() as building:
            building.add_existing(images)

    @property
    def resumed(self) -> bool:
        """Whether an earlier process worked on the run; it may have left something undone."""
        return self._session > 1

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return queries.is_finished(self._db)

    @contextmanager
    def together(self, *, synced: bool = True) -> Iterator[None]:
        """A block in which everything that is recorded becomes one transaction, at its end.

        Args:
            synced: on disk when the block ends; needed where results or deliveries are recorded.
        """
        with self._open.together(synced=synced):
            yield
        self._keeper.keep_short(self._db)

    def finish(self) -> None:
        """Record that nothing is left to do.

        Raises:
            LedgerError: something is.
        """
        with self._transaction() as db:
            if (left := queries.count_unjudged(db)) or queries.count_unsettled(db):
                raise LedgerError(f"the run is not finished: {left} candidates are not judged")
            db.execute("UPDATE run SET finished = ? WHERE finished IS NULL", (time.time(),))

    def plan_round(self, request_id: str, planned: Round, candidates: Sequence[Candidate]) -> None:
        """Record a round and its candidates, before any of them is made."""
        recipe = planned.recipe
        with self._transaction(synced=False) as db:
            position = self._keys.position(request_id)
            db.execute(
                "INSERT INTO round VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    position,
                    planned.number,
                    planned.count,
                    recipe.prompt,
                    recipe.negative_prompt,
                    rows.settings_json(recipe.settings),
                    planned.why,
                ),
            )
            db.executemany(
                "INSERT INTO candidate (key, id, request, idx, round, seed, state)"
                " VALUES (?, ?, ?, ?, ?, ?, 'planned')",
                [
                    (key, c.id, position, c.index, c.round, c.seed)
                    for key, c in zip(
                        self._keys.new([c.id for c in candidates]), candidates, strict=True
                    )
                ],
            )

    def lease(self, candidate_ids: Sequence[str]) -> None:
        """Record that a worker is about to have these candidates. Counts the attempt.

        Raises:
            LedgerError: one of them is unknown or judged already; none is leased.
        """
        with self._transaction(synced=False) as db:
            found = [self._keys.of(candidate_id) for candidate_id in candidate_ids]
            leased = states.lease(db, [k for k in found if k is not None], self._session)
            if leased != len(candidate_ids):
                raise LedgerError(
                    f"{len(candidate_ids) - leased} of the candidates {', '.join(candidate_ids)} "
                    "are judged already, or unknown"
                )

    def record_scores(
        self, scored: Sequence[tuple[ScoredCandidate, Made | None]], rubric_hash: str
    ) -> int:
        """Record measurements and verdicts of leased candidates, all in one transaction.

        Their image files must be durable already. A candidate that this session has not leased,
        or that is judged already, is dropped.

        Returns:
            How many were recorded.
        """
        measurements, verdicts = [], []
        with self._transaction() as db:
            for one, made in scored:
                key = self._keys.of(one.candidate.id)
                self._keys.judged(one.candidate.id)
                if key is None or not states.judge(
                    db,
                    key,
                    self._session,
                    image=one.image,
                    phash=rows.signed(one.phash),
                    times=(one.seconds, *_generated(made)),
                ):
                    log.warning("a second result for candidate %s is dropped", one.candidate.id)
                    continue
                verdicts.append(rows.verdict_row(key, rubric_hash, one.verdict))
                measurements += [rows.measurement_row(key, m) for m in one.measurements]
            db.executemany("INSERT INTO measurement VALUES (?, ?, ?, ?, ?, ?, ?, ?)", measurements)
            db.executemany("INSERT INTO verdict VALUES (?, ?, ?, ?, ?, ?)", verdicts)
        if not self._db.in_transaction:
            self._keeper.keep_short(self._db)
        return len(verdicts)

    def record_ranks(self, scored: Sequence[ScoredCandidate]) -> None:
        """Record what was measured of judged candidates to rank them, and their whole rank.

        Recording it twice changes nothing but the seconds.
        """
        with self._transaction(synced=False) as db:
            for one in scored:
                (key,) = db.execute(
                    "UPDATE candidate SET score_seconds = score_seconds + ? WHERE id = ?"
                    " AND state = 'judged' RETURNING key",
                    (one.seconds, one.candidate.id),
                ).fetchone()
                db.executemany(
                    "INSERT OR IGNORE INTO measurement VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [rows.measurement_row(key, m) for m in one.measurements],
                )
                db.execute(
                    "UPDATE verdict SET rank = ? WHERE candidate = ?", (one.verdict.rank, key)
                )

    def close_request(
        self, request_id: str, *, outcome: RequestOutcome, reason: str, selection: Selection
    ) -> None:
        """Record what is to be delivered for a request, before any of it is written.

        Raises:
            LedgerError: it is delivered already.
        """
        with self._transaction(synced=False) as db:
            position = self._keys.position(request_id)
            if not states.close(db, position, outcome, reason):
                raise LedgerError(
                    f"request {request_id!r} cannot be closed: it is delivered already"
                )
            db.execute("DELETE FROM delivery WHERE request = ?", (position,))
            db.executemany(
                "INSERT INTO delivery (request, place, candidate)"
                " SELECT ?, ?, key FROM candidate WHERE id = ?",
                [(position, place, c) for place, c in enumerate(selection.delivered, start=1)],
            )
            db.executemany(
                "INSERT OR REPLACE INTO duplicate SELECT a.key, b.key"
                " FROM candidate a, candidate b WHERE a.id = ? AND b.id = ?",
                selection.duplicates.items(),
            )

    def record_delivery(self, request_id: str, files: Sequence[tuple[str, str]]) -> None:
        """Record that the selected images lie in ``delivered/``, durably.

        Args:
            files: (candidate id, sha256 of the delivered file), as selected.

        Raises:
            LedgerError: the request is not closed, or something else was selected for it.
        """
        with self._transaction() as db:
            position = self._keys.position(request_id)
            self._keys.settled(request_id)
            if not states.settle(db, position):
                raise LedgerError(f"request {request_id!r} is not closed: nothing can be delivered")
            selected = queries.selected(db, position)
            if selected != [candidate for candidate, _ in files]:
                raise LedgerError(
                    f"request {request_id!r}: delivered {[c for c, _ in files]}, "
                    f"but selected were {selected}"
                )
            db.executemany(
                "UPDATE delivery SET sha256 = ? WHERE request = ? AND place = ?",
                [(sha, position, place) for place, (_, sha) in enumerate(files, start=1)],
            )

    def make_again(self, candidate_ids: Iterable[str]) -> None:
        """Put candidates back whose image is lost; the next run makes and delivers them again."""
        with self._transaction() as db:
            states.make_again(db, candidate_ids)

    def deliver_again(self, request_ids: Iterable[str]) -> None:
        """Have the next run decide and deliver these requests again, from their verdicts."""
        with self._transaction() as db:
            for request_id in request_ids:
                states.reopen(db, queries.position_of(db, request_id))
            db.execute("UPDATE run SET finished = NULL")

    def open_requests(self) -> Iterator[tuple[int, Request]]:
        """Requests that are not yet delivered, with their positions, in order, streamed."""
        return queries.open_requests(self._db)

    def open_existing(self) -> Iterator[tuple[int, Candidate, Request]]:
        """Existing images that are not yet judged, with their positions, in order, streamed."""
        return queries.open_existing(self._db)

    def judged_first(self) -> Iterator[tuple[int, str, Verdict]]:
        """(position, candidate id, verdict) of existing images and first rounds, streamed."""
        return queries.judged_first(self._db)

    def previews_of_first_rounds(self) -> Iterator[tuple[int, int, int, Measurement, Verdict]]:
        """(position, index, images wanted, how it looked half way, outcome and rank) of candidates
        that were finished."""
        return queries.previews_of_first_rounds(self._db)

    def rounds_of(self, request_id: str) -> list[tuple[Round, list[Candidate]]]:
        """The rounds of a request so far: verdicts inside, candidates not yet judged beside."""
        return queries.rounds_of(self._db, request_id)

    def last_begun(self) -> int:
        """The last position that a round is planned for; -1 while there is none."""
        return queries.last_begun(self._db)

    def measurements_of(self, candidate_id: str) -> list[Measurement]:
        """What was measured of a candidate."""
        return queries.measurements_of(self._db, candidate_id)

    def count_requests(self) -> int:
        """How many requests the run has."""
        return queries.count_requests(self._db)

    def first_open(self) -> int:
        """The first position that is not settled; the number of requests when all are."""
        return queries.first_open(self._db)

    def first_rounds(self) -> Iterator[FirstRound]:
        """The first rounds that are finished, by position."""
        return queries.first_rounds(self._db)

    def restore(self, tally: Tally) -> None:
        """Count into ``tally`` what earlier processes did."""
        queries.restore(self._db, tally)

    def disposable_images(self, request_id: str | None) -> Iterator[tuple[str, str]]:
        """(candidate id, path) of judged images that were not selected, of delivered requests.

        An image that a selected or unfinished candidate shares, byte for byte, is left out.

        Args:
            request_id: ``None`` means all requests.
        """
        return queries.disposable_images(self._db, request_id)

    @property
    def _db(self) -> sqlite3.Connection:
        return self._open.db

    @property
    def _open(self) -> Transactions:
        if self._transactions is None:
            raise LedgerError(f"the ledger {self._path} is not open")
        return self._transactions

    def _transaction(self, *, synced: bool = True) -> AbstractContextManager[sqlite3.Connection]:
        return self._open.one(synced=synced)

    @contextmanager
    def _appearing(self) -> Iterator[Building]:
        """Fill the new database and rename it into place; let go of everything on failure."""
        if self._building is None:
            raise LedgerError("requests are added once, when the ledger is created")
        try:
            yield self._building
            self._building.rename_to(self._path)
            self._building = None
            sync(self._path.parent)
            self._transactions = Transactions(connect_writer(self._path))
            self._begin_session()
        except BaseException:
            self.close(in_order=False)
            raise

    def _begin_session(self) -> None:
        self._keys = Keys(self._db)
        with self._transaction() as db:
            (self._session,) = db.execute(
                "UPDATE run SET session = session + 1 RETURNING session"
            ).fetchone()
            reason = f"given up: the run died {states.LOST_LEASES} times while working on it"
            check = Check(name="lost", tier="generic", outcome=Outcome.ERROR, reason=reason)
            verdict = Verdict(outcome=Outcome.ERROR, checks=(check,))
            lost = states.recover(db)
            db.executemany(
                "INSERT INTO verdict VALUES (?, ?, ?, ?, ?, ?)",
                [rows.verdict_row(key, "", verdict) for key in lost],
            )
        if lost:
            log.warning("%d candidates are given up: %s", len(lost), reason)


def _generated(made: Made | None) -> tuple[float | None, int | None, int | None]:
    return (made.seconds, made.shape_planned, made.shape_actual) if made else (None, None, None)
