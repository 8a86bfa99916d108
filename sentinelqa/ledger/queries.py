"""What is asked of the ledger. Nothing here changes anything, and nothing grows with the run:
long answers are read in pages, so no cursor stays open while the run writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sentinelqa.errors import LedgerError
from sentinelqa.ledger import rows
from sentinelqa.pooling import FirstRound
from sentinelqa.retry import PassRate, Recipe, Round
from sentinelqa.screening import PREVIEW
from sentinelqa.types import Candidate, Judged, Measurement, Outcome, Request, Verdict

if TYPE_CHECKING:
    from sentinelqa.progress import Tally

PAGE = 64
"""Requests that are read at once."""


def page(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
    """All rows of a query, each with its columns by name."""
    cursor = db.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def is_finished(db: sqlite3.Connection) -> bool:
    """Whether the run recorded that nothing is left to do."""
    return db.execute("SELECT finished FROM run").fetchone()[0] is not None


def count_requests(db: sqlite3.Connection) -> int:
    """How many requests there are."""
    return _number(db, "SELECT count(*) FROM request")


def count_unjudged(db: sqlite3.Connection) -> int:
    """Candidates that wait or are under way."""
    return _number(db, "SELECT count(*) FROM candidate WHERE state <> 'judged'")


def count_unsettled(db: sqlite3.Connection) -> int:
    """Requests that are not delivered, where images are made; existing ones are not delivered."""
    return _number(
        db,
        "SELECT count(*) FROM request q WHERE q.state <> 'settled' AND NOT EXISTS"
        " (SELECT 1 FROM candidate c WHERE c.request = q.position AND c.round = 0)",
    )


def position_of(db: sqlite3.Connection, request_id: str) -> int:
    """The position of a request.

    Raises:
        LedgerError: there is none with this id.
    """
    row = db.execute("SELECT position FROM request WHERE id = ?", (request_id,)).fetchone()
    if row is None:
        raise LedgerError(f"the ledger has no request {request_id!r}")
    return int(row[0])


def last_key(db: sqlite3.Connection) -> int:
    """The largest key of a candidate; 0 without any."""
    return _number(db, "SELECT coalesce(max(key), 0) FROM candidate")


def key_of(db: sqlite3.Connection, candidate_id: str) -> int | None:
    """The key of a candidate; ``None`` where there is none with this id."""
    row = db.execute("SELECT key FROM candidate WHERE id = ?", (candidate_id,)).fetchone()
    return None if row is None else int(row[0])


def last_begun(db: sqlite3.Connection) -> int:
    """The last position that has a round; -1 without any."""
    return _number(db, "SELECT coalesce(max(request), -1) FROM round")


def open_requests(db: sqlite3.Connection) -> Iterator[tuple[int, Request]]:
    """Requests that are not settled, with their positions, in order."""
    last = -1
    while found := db.execute(
        "SELECT position, id, payload, wanted FROM request"
        " WHERE position > ? AND state <> 'settled' ORDER BY position LIMIT ?",
        (last, PAGE),
    ).fetchall():
        for position, request_id, payload, wanted in found:
            yield position, rows.request_of(request_id, payload, wanted)
        last = found[-1][0]


def open_existing(db: sqlite3.Connection) -> Iterator[tuple[int, Candidate, Request]]:
    """Existing images that are planned, with their positions, in order."""
    last = -1
    while found := page(
        db,
        "SELECT c.*, q.id AS request_id, q.payload, q.wanted FROM candidate c"
        " JOIN request q ON q.position = c.request"
        " WHERE c.key > ? AND c.round = 0 AND c.state = 'planned' ORDER BY c.key LIMIT ?",
        (last, PAGE),
    ):
        for row in found:
            request = rows.request_of(row["request_id"], row["payload"], row["wanted"])
            yield row["request"], existing_of(row, request), request
        last = found[-1]["key"]


def existing_of(row: dict[str, Any], request: Request) -> Candidate:
    """The candidate that stands for an existing image."""
    return Candidate(
        id=row["id"],
        request_id=request.id,
        index=row["idx"],
        round=0,
        seed=row["seed"],
        prompt=request.prompt,
        path=row["source"],
    )


def rounds_of(db: sqlite3.Connection, request_id: str) -> list[tuple[Round, list[Candidate]]]:
    """The rounds of a request in order, each with its candidates that are not yet judged."""
    position = position_of(db, request_id)
    by_round: dict[int, tuple[list[Judged], list[Candidate]]] = {}
    recipes = {
        number: (recipe, planned, why) for number, recipe, planned, why in _recipes(db, position)
    }
    for row in page(
        db,
        "SELECT c.*, v.outcome, v.rank, v.checks, v.warnings FROM candidate c"
        " LEFT JOIN verdict v ON v.candidate = c.key WHERE c.request = ? ORDER BY c.idx",
        (position,),
    ):
        candidate = generated_of(row, request_id, recipes[row["round"]][0])
        judged, waiting = by_round.setdefault(row["round"], ([], []))
        if row["outcome"] is None:
            waiting.append(candidate)
        else:
            judged.append(judged_of(row, candidate))
    rounds = []
    for number, (recipe, planned, why) in sorted(recipes.items()):
        judged, waiting = by_round.get(number, ([], []))
        done = Round(number=number, recipe=recipe, count=planned, why=why, judged=judged)
        rounds.append((done, waiting))
    return rounds


def generated_of(row: dict[str, Any], request_id: str, recipe: Recipe) -> Candidate:
    """A candidate that was or will be generated."""
    return Candidate(
        id=row["id"],
        request_id=request_id,
        index=row["idx"],
        round=row["round"],
        seed=row["seed"],
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        settings=recipe.settings,
    )


def judged_of(row: dict[str, Any], candidate: Candidate) -> Judged:
    """A candidate with its verdict, from a row that has one."""
    return Judged(
        candidate=candidate,
        verdict=rows.verdict_of(row["outcome"], row["rank"], row["checks"], row["warnings"]),
        image=rows.image_of(row),
        phash=rows.unsigned(row["phash"]),
    )


def measurements_of(db: sqlite3.Connection, candidate_id: str) -> list[Measurement]:
    """What was measured of a candidate, by the name of the dimension."""
    found = page(
        db,
        "SELECT m.* FROM measurement m JOIN candidate c ON c.key = m.candidate WHERE c.id = ?",
        (candidate_id,),
    )
    return [rows.measurement_of(row) for row in found]


def selected(db: sqlite3.Connection, position: int) -> list[str]:
    """The candidates selected for a request, best first."""
    return [
        candidate
        for (candidate,) in db.execute(
            "SELECT c.id FROM delivery d JOIN candidate c ON c.key = d.candidate"
            " WHERE d.request = ? ORDER BY d.place",
            (position,),
        )
    ]


def first_open(db: sqlite3.Connection) -> int:
    """The first position that is not settled; the number of requests when all are."""
    sql = "SELECT position FROM request WHERE state <> 'settled' ORDER BY position LIMIT 1"
    found = db.execute(sql).fetchone()
    return count_requests(db) if found is None else int(found[0])


def first_rounds(db: sqlite3.Connection) -> Iterator[FirstRound]:
    """Requests whose first round has no candidate left to judge, in order."""
    last, begun = -1, last_begun(db)
    while found := db.execute(
        "SELECT q.position, q.id, q.payload, q.wanted, sum(v.outcome = 'pass'),"
        " sum(v.outcome <> 'error'), count(*) = count(v.candidate) FROM request q"
        " JOIN candidate c ON c.request = q.position AND c.round = 1"
        " LEFT JOIN verdict v ON v.candidate = c.key"
        " WHERE q.position > ? AND q.position <= ?"
        " GROUP BY q.position ORDER BY q.position LIMIT ?",
        (last, begun, PAGE),
    ).fetchall():
        for position, request_id, payload, wanted, passed, judged, done in found:
            if done:
                request = rows.request_of(request_id, payload, wanted)
                yield FirstRound(position, request, PassRate.of_request(passed, judged))
        last = found[-1][0]


def judged_first(db: sqlite3.Connection) -> Iterator[tuple[int, str, Verdict]]:
    """(position, candidate id, verdict) of existing images and of first rounds."""
    last = -1
    while found := db.execute(
        "SELECT c.key, c.request, c.id, v.outcome, v.rank, v.checks, v.warnings FROM candidate c"
        " JOIN verdict v ON v.candidate = c.key WHERE c.key > ? AND c.round <= 1"
        " ORDER BY c.key LIMIT ?",
        (last, PAGE),
    ).fetchall():
        for _, position, candidate, *verdict in found:
            yield position, candidate, rows.verdict_of(*verdict)
        last = found[-1][0]


def previews_of_first_rounds(
    db: sqlite3.Connection,
) -> Iterator[tuple[int, int, int, Measurement, Verdict]]:
    """(position, index, images wanted, preview, outcome and rank) of first rounds' candidates that
    have an image."""
    last = -1
    while found := page(
        db,
        "SELECT c.key, c.request AS position, c.idx, q.wanted, v.outcome, v.rank, m.*"
        " FROM candidate c JOIN request q ON q.position = c.request"
        " JOIN measurement m ON m.candidate = c.key AND m.dimension = ?"
        " JOIN verdict v ON v.candidate = c.key"
        " WHERE c.key > ? AND c.round = 1 AND c.sha256 IS NOT NULL ORDER BY c.key LIMIT ?",
        (PREVIEW, last, PAGE),
    ):
        for row in found:
            verdict = Verdict(outcome=Outcome(row["outcome"]), rank=row["rank"])
            preview = rows.measurement_of(row)
            yield row["position"], row["idx"], row["wanted"], preview, verdict
        last = found[-1]["key"]


def restore(db: sqlite3.Connection, tally: Tally) -> None:
    """Count what is recorded into a tally."""
    for outcome, count in db.execute("SELECT outcome, count(*) FROM verdict GROUP BY outcome"):
        tally.outcomes[Outcome(outcome)] += count
        tally.judged += count
    for (checks,) in db.execute("SELECT checks FROM verdict WHERE outcome = 'fail'"):
        tally.failed_by.update(c[0] for c in json.loads(checks) if c[2] == Outcome.FAIL)
    tally.round = _number(db, "SELECT coalesce(max(number), 0) FROM round")
    tally.closed, tally.filled = db.execute(
        "SELECT count(*), coalesce(sum(outcome = 'delivered'), 0) FROM request"
        " WHERE state = 'settled'"
    ).fetchone()
    tally.delivered = _number(db, "SELECT count(*) FROM delivery WHERE sha256 IS NOT NULL")
    if not tally.round:
        tally.closed = tally.judged
    tally.resume()


def disposable_images(db: sqlite3.Connection, request_id: str | None) -> Iterator[tuple[str, str]]:
    """(candidate id, path) of rejects of settled requests whose image nobody else needs."""
    if request_id is not None:
        yield from (
            (candidate_id, path)
            for _, candidate_id, path in db.execute(
                _DISPOSABLE.format("c.request = ?"), (position_of(db, request_id),)
            ).fetchall()
        )
        return
    last = -1
    while found := db.execute(
        f"{_DISPOSABLE.format('c.key > ?')} ORDER BY c.key LIMIT ?", (last, PAGE)
    ).fetchall():
        for _, candidate_id, path in found:
            yield candidate_id, path
        last = found[-1][0]


_DISPOSABLE = """
    SELECT c.key, c.id, c.path FROM candidate c JOIN request q ON q.position = c.request
    WHERE {} AND c.sha256 IS NOT NULL AND c.round > 0 AND q.state = 'settled' AND NOT EXISTS (
        SELECT 1 FROM candidate o JOIN request p ON p.position = o.request
        WHERE o.sha256 = c.sha256 AND (
            p.state <> 'settled' OR EXISTS (SELECT 1 FROM delivery d WHERE d.candidate = o.key)
        )
    )
"""


def _recipes(db: sqlite3.Connection, position: int) -> Iterator[tuple[int, Recipe, int, str]]:
    for number, prompt, negative, settings, planned, why in db.execute(
        "SELECT number, prompt, negative_prompt, settings, planned, why FROM round"
        " WHERE request = ?",
        (position,),
    ):
        recipe = Recipe(
            settings=rows.settings_of(settings), prompt=prompt, negative_prompt=negative
        )
        yield number, recipe, planned, why


def _number(db: sqlite3.Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])
