"""Where requests and candidates under way stand in the tables, so that what is recorded of them
does not look them up by their ids each time. It holds no more than is under way."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sentinelqa.ledger import queries


class Keys:
    """The keys of candidates and the positions of requests.

    Args:
        db: open for writing; nobody else adds candidates.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._last = queries.last_key(db)
        self._candidates: dict[str, int] = {}
        self._positions: dict[str, int] = {}

    def new(self, candidate_ids: Sequence[str]) -> list[int]:
        """Keys for candidates that are about to be added."""
        keys = list(range(self._last + 1, self._last + 1 + len(candidate_ids)))
        self._last += len(candidate_ids)
        self._candidates.update(zip(candidate_ids, keys, strict=True))
        return keys

    def of(self, candidate_id: str) -> int | None:
        """The key of a candidate; ``None`` where there is none with this id."""
        key = self._candidates.get(candidate_id)
        if key is None and (key := queries.key_of(self._db, candidate_id)) is not None:
            self._candidates[candidate_id] = key
        return key

    def judged(self, candidate_id: str) -> None:
        """Nothing more is recorded of this candidate."""
        self._candidates.pop(candidate_id, None)

    def position(self, request_id: str) -> int:
        """The position of a request.

        Raises:
            LedgerError: there is none with this id.
        """
        position = self._positions.get(request_id)
        if position is None:
            position = self._positions[request_id] = queries.position_of(self._db, request_id)
        return position

    def settled(self, request_id: str) -> None:
        """Nothing more is recorded of this request."""
        self._positions.pop(request_id, None)
