"""The reading side of the ledger: for tables, reports and what-if, also while a run goes on."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sentinelqa.errors import LedgerError
from sentinelqa.ledger import queries, rows
from sentinelqa.ledger.connection import connect_reader, mapped_errors, snapshot
from sentinelqa.retry import Recipe
from sentinelqa.types import (
    Candidate,
    Measurement,
    Request,
    RequestOutcome,
    StoredImage,
    Verdict,
)

PAGE = 16
"""Requests that are read at once: what the first answer, and the log beside it, wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRecord:
    """Everything that is recorded of one candidate.

    Attributes:
        verdict: ``None`` while it is not judged.
        phash: the 64-bit perceptual hash, where it was computed.
        place: in the delivery, from 1; ``None`` for what is not delivered.
        delivered_sha256: of the delivered file.
        duplicate_of: the better candidate that this one resembles too closely.
        attempts: how often a worker had it.
        shape_planned, shape_actual: batch sizes; they differ when memory ran out.
    """

    candidate: Candidate
    request: Request
    verdict: Verdict | None
    measurements: Sequence[Measurement]
    image: StoredImage | None
    phash: int | None
    place: int | None
    delivered_sha256: str | None
    duplicate_of: str | None
    attempts: int
    generate_seconds: float | None
    score_seconds: float | None
    shape_planned: int | None
    shape_actual: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """What became of one request.

    Attributes:
        outcome: ``None`` while it is open, and for existing images.
        reason: why no more was tried; empty when nothing is missing.
        delivered, candidates, rounds: counts.
        failures: name of a check -> how many candidates failed it.
        seconds: of generating and scoring all its candidates.
    """

    position: int
    request: Request
    outcome: RequestOutcome | None
    reason: str
    delivered: int
    candidates: int
    rounds: int
    failures: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """What was delivered for one request: (candidate id, sha256 of the file), best first."""

    request_id: str
    files: tuple[tuple[str, str], ...]


class LedgerReader:
    """Reads a ledger, also beside the process that writes it. A context manager.

    Each page is one consistent view; a run that goes on may add to later pages.

    Raises:
        LedgerError: there is no ledger, or it is damaged, or of another version.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @classmethod
    def open(cls, path: Path) -> LedgerReader:
        """Read the ledger at ``path``."""
        return cls(connect_reader(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @property
    def fingerprint(self) -> str:
        """Which job the run belongs to."""
        return str(self.ask("SELECT fingerprint FROM run")[0][0])

    @property
    def finished(self) -> bool:
        """Whether nothing was left to do when the run ended."""
        return queries.is_finished(self._db)

    @property
    def sessions(self) -> int:
        """How many processes have worked on the run: 1 for one that was never interrupted."""
        return int(self.ask("SELECT session FROM run")[0][0])

    def count_requests(self) -> int:
        """How many requests the run has."""
        return queries.count_requests(self._db)

    def candidates(self) -> Iterator[CandidateRecord]:
        """Every candidate, by request in the order of the file, then by index; streamed."""
        for first, last, requests in self._pages():
            with snapshot(self._db):
                candidates, measured = self._candidate_rows(first, last)
            yield from _candidate_page(candidates, measured, requests)

    def requests(self) -> Iterator[RequestRecord]:
        """Every request in the order of the file; streamed."""
        for first, last, requests in self._pages():
            with snapshot(self._db):
                page = self._request_page(first, last, requests)
            yield from page

    def deliveries(self) -> Iterator[DeliveryRecord]:
        """What lies in ``delivered/``, request by request; streamed."""
        for first, last, requests in self._pages():
            found: dict[int, list[tuple[str, str]]] = {}
            for position, candidate, sha256 in self.ask(
                "SELECT d.request, c.id, d.sha256 FROM delivery d"
                " JOIN candidate c ON c.key = d.candidate"
                " WHERE d.request BETWEEN ? AND ? AND d.sha256 IS NOT NULL"
                " ORDER BY d.request, d.place",
                (first, last),
            ):
                found.setdefault(position, []).append((candidate, sha256))
            for position, files in found.items():
                yield DeliveryRecord(request_id=requests[position].id, files=tuple(files))

    def sharing_image(self, sha256: str) -> list[str]:
        """The candidates whose image has this hash."""
        return [c for (c,) in self.ask("SELECT id FROM candidate WHERE sha256 = ?", (sha256,))]

    def image_path(self, candidate_id: str) -> str:
        """Where the image of a candidate lies, relative to the run directory.

        Raises:
            LedgerError: it has none.
        """
        found = self.ask("SELECT path FROM candidate WHERE id = ?", (candidate_id,))
        if not found or found[0][0] is None:
            raise LedgerError(f"candidate {candidate_id} has no image")
        return str(found[0][0])

    def ask(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """The rows of a query over the tables of :mod:`sentinelqa.ledger.schema`."""
        with mapped_errors():
            return self._db.execute(sql, parameters).fetchall()

    def _pages(self) -> Iterator[tuple[int, int, dict[int, Request]]]:
        start = -1
        while found := self.ask(
            "SELECT position, id, payload, wanted FROM request WHERE position > ?"
            " ORDER BY position LIMIT ?",
            (start, PAGE),
        ):
            requests = {p: rows.request_of(i, payload, n) for p, i, payload, n in found}
            first, start = found[0][0], found[-1][0]
            yield first, start, requests

    def _candidate_rows(
        self, first: int, last: int
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The rows of a page's candidates, and those of their measurements."""
        measured = queries.page(
            self._db,
            "SELECT m.* FROM candidate c JOIN measurement m ON m.candidate = c.key"
            " WHERE c.request BETWEEN ? AND ?",
            (first, last),
        )
        candidates = queries.page(
            self._db,
            "SELECT c.*, r.prompt, r.negative_prompt, r.settings, v.outcome, v.rank, v.checks,"
            " v.warnings, d.place, d.sha256 AS delivered_sha256, b.id AS duplicate_of"
            " FROM candidate c"
            " LEFT JOIN round r ON r.request = c.request AND r.number = c.round"
            " LEFT JOIN verdict v ON v.candidate = c.key"
            " LEFT JOIN delivery d ON d.candidate = c.key AND d.sha256 IS NOT NULL"
            " LEFT JOIN duplicate t ON t.candidate = c.key"
            " LEFT JOIN candidate b ON b.key = t.better"
            " WHERE c.request BETWEEN ? AND ? ORDER BY c.request, c.idx",
            (first, last),
        )
        return candidates, measured

    def _request_page(
        self, first: int, last: int, requests: Mapping[int, Request]
    ) -> list[RequestRecord]:
        failures: dict[int, Counter[str]] = {}
        for position, checks in self._db.execute(
            "SELECT c.request, v.checks FROM candidate c JOIN verdict v ON v.candidate = c.key"
            " WHERE c.request BETWEEN ? AND ? AND v.outcome = 'fail'",
            (first, last),
        ):
            failures.setdefault(position, Counter()).update(rows.failed_of(checks))
        found = queries.page(
            self._db,
            "SELECT q.position, q.outcome, q.reason,"
            " (SELECT count(*) FROM delivery d WHERE d.request = q.position"
            "  AND d.sha256 IS NOT NULL) AS delivered,"
            " (SELECT count(*) FROM round r WHERE r.request = q.position) AS rounds,"
            " count(c.key) AS candidates,"
            " total(c.generate_seconds) + total(c.score_seconds) AS seconds"
            " FROM request q LEFT JOIN candidate c ON c.request = q.position"
            " WHERE q.position BETWEEN ? AND ? GROUP BY q.position ORDER BY q.position",
            (first, last),
        )
        return [
            RequestRecord(
                position=row["position"],
                request=requests[row["position"]],
                outcome=RequestOutcome(row["outcome"]) if row["outcome"] else None,
                reason=row["reason"],
                delivered=row["delivered"],
                candidates=row["candidates"],
                rounds=row["rounds"],
                failures=failures.get(row["position"], {}),
                seconds=row["seconds"],
            )
            for row in found
        ]


def _candidate_page(
    candidates: Sequence[dict[str, Any]],
    measured: Sequence[dict[str, Any]],
    requests: Mapping[int, Request],
) -> Iterator[CandidateRecord]:
    """What the rows say; made outside the snapshot, which nobody should hold while he computes."""
    found: dict[int, list[Measurement]] = {}
    for row in measured:
        found.setdefault(row["candidate"], []).append(rows.measurement_of(row))
    for row in candidates:
        yield _candidate_record(row, requests[row["request"]], found.get(row["key"], ()))


def _candidate_record(
    row: dict[str, Any], request: Request, measurements: Sequence[Measurement]
) -> CandidateRecord:
    return CandidateRecord(
        candidate=_candidate(row, request),
        request=request,
        verdict=_verdict(row),
        measurements=measurements,
        image=rows.image_of(row),
        phash=rows.unsigned(row["phash"]),
        place=row["place"],
        delivered_sha256=row["delivered_sha256"],
        duplicate_of=row["duplicate_of"],
        attempts=row["attempts"],
        generate_seconds=row["generate_seconds"],
        score_seconds=row["score_seconds"],
        shape_planned=row["shape_planned"],
        shape_actual=row["shape_actual"],
    )


def _candidate(row: dict[str, Any], request: Request) -> Candidate:
    if row["settings"] is None:
        return queries.existing_of(row, request)
    recipe = Recipe(
        settings=rows.settings_of(row["settings"]),
        prompt=row["prompt"],
        negative_prompt=row["negative_prompt"],
    )
    return queries.generated_of(row, request.id, recipe)


def _verdict(row: Mapping[str, Any]) -> Verdict | None:
    if row["outcome"] is None:
        return None
    return rows.verdict_of(row["outcome"], row["rank"], row["checks"], row["warnings"])
