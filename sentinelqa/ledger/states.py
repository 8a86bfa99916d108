"""The one place where a state changes.

Every change names the state that it expects and, for leases, the session that took them, and counts
the rows it touched. A result that arrives late, from a worker of an earlier session or for a second
time, finds another state and is dropped. Callers hold a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from sentinelqa.types import RequestOutcome, StoredImage

LOST_LEASES = 100
"""A candidate that was under way when this many runs died one after another is given up.

More than the attempts inside a run, which single out the item that kills its own worker: whoever
kills a whole run may have nothing to do with what it was working on."""


def lease(db: sqlite3.Connection, keys: Sequence[int], session: int) -> int:
    """planned -> leased; leased by this session -> leased again. Counts the attempt.

    Returns:
        How many of them could be leased.
    """
    return db.executemany(
        "UPDATE candidate SET state = 'leased', session = ?1, attempts = attempts + 1"
        " WHERE key = ?2 AND (state = 'planned' OR (state = 'leased' AND session = ?1))",
        [(session, key) for key in keys],
    ).rowcount


def judge(
    db: sqlite3.Connection,
    key: int,
    session: int,
    *,
    image: StoredImage | None,
    phash: int | None,
    times: tuple[float | None, ...],
) -> bool:
    """leased by this session -> judged. False when the result is dropped.

    Args:
        times: seconds of scoring and of generating, planned and actual shape.
    """
    changed = db.execute(
        "UPDATE candidate SET state = 'judged', sha256 = ?, path = ?, width = ?, height = ?,"
        " size = ?, phash = ?, score_seconds = ?, generate_seconds = ?, shape_planned = ?,"
        " shape_actual = ? WHERE key = ? AND state = 'leased' AND session = ?",
        (
            *((image.sha256, image.path, image.width, image.height, image.size) if image else _5),
            phash,
            *times,
            key,
            session,
        ),
    )
    return changed.rowcount == 1


def recover(db: sqlite3.Connection) -> list[int]:
    """leased by a process that died -> planned. Returns the keys of those lost too often: they
    are judged, and the caller records why."""
    lost = [
        key
        for (key,) in db.execute(
            "UPDATE candidate SET state = 'judged'"
            " WHERE state = 'leased' AND attempts >= ? RETURNING key",
            (LOST_LEASES,),
        ).fetchall()
    ]
    db.execute("UPDATE candidate SET state = 'planned' WHERE state = 'leased'")
    return lost


def give_back(db: sqlite3.Connection, session: int) -> None:
    """leased by this session -> planned, uncounted: the work was stopped in order."""
    db.execute(
        "UPDATE candidate SET state = 'planned', attempts = attempts - 1"
        " WHERE state = 'leased' AND session = ?",
        (session,),
    )


def make_again(db: sqlite3.Connection, candidate_ids: Iterable[str]) -> None:
    """judged -> planned, for candidates whose image is damaged; their requests are open again.

    What was measured of the lost image goes: the same seed makes it, and its verdict, again.
    """
    for candidate_id in candidate_ids:
        row = db.execute(
            "UPDATE candidate SET state = 'planned', attempts = 0, session = NULL, sha256 = NULL,"
            " path = NULL WHERE id = ? AND state = 'judged' RETURNING key, request",
            (candidate_id,),
        ).fetchone()
        if row is None:
            continue
        key, position = row
        db.execute("DELETE FROM measurement WHERE candidate = ?", (key,))
        db.execute("DELETE FROM verdict WHERE candidate = ?", (key,))
        reopen(db, position)
    db.execute("UPDATE run SET finished = NULL")


def reopen(db: sqlite3.Connection, position: int) -> None:
    """closed or settled -> open: its selection is decided and delivered again."""
    db.execute("DELETE FROM delivery WHERE request = ?", (position,))
    db.execute(
        "DELETE FROM duplicate WHERE candidate IN (SELECT key FROM candidate WHERE request = ?)",
        (position,),
    )
    db.execute(
        "UPDATE request SET state = 'open', outcome = NULL, reason = '' WHERE position = ?",
        (position,),
    )


def close(db: sqlite3.Connection, position: int, outcome: RequestOutcome, reason: str) -> bool:
    """open -> closed; closed -> closed, when a resumed run decides again. False when settled."""
    changed = db.execute(
        "UPDATE request SET state = 'closed', outcome = ?, reason = ?"
        " WHERE position = ? AND state IN ('open', 'closed')",
        (outcome.value, reason, position),
    )
    return changed.rowcount == 1


def settle(db: sqlite3.Connection, position: int) -> bool:
    """closed -> settled. False when it is not closed."""
    changed = db.execute(
        "UPDATE request SET state = 'settled' WHERE position = ? AND state = 'closed'", (position,)
    )
    return changed.rowcount == 1


_5 = (None,) * 5
