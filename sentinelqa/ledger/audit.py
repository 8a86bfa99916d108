"""The ledger checked against itself: the file, its references, and what can never be true."""

from __future__ import annotations

from collections.abc import Iterator

from sentinelqa.ledger.reader import LedgerReader

NEVER: dict[str, str] = {
    "delivered without having passed": """
        SELECT c.id FROM delivery d JOIN candidate c ON c.key = d.candidate
        LEFT JOIN verdict v ON v.candidate = c.key WHERE v.outcome IS NOT 'pass'
    """,
    "delivered for a request that it does not belong to": """
        SELECT c.id FROM delivery d JOIN candidate c ON c.key = d.candidate
        WHERE c.request <> d.request
    """,
    "judged without a verdict": """
        SELECT c.id FROM candidate c LEFT JOIN verdict v ON v.candidate = c.key
        WHERE c.state = 'judged' AND v.candidate IS NULL
    """,
    "has a verdict without being judged": """
        SELECT c.id FROM candidate c JOIN verdict v ON v.candidate = c.key
        WHERE c.state <> 'judged'
    """,
    "settled, but a delivered file was never recorded": """
        SELECT q.id FROM request q JOIN delivery d ON d.request = q.position
        WHERE q.state = 'settled' AND d.sha256 IS NULL
    """,
    "a delivered file is recorded, but the request is not settled": """
        SELECT DISTINCT q.id FROM request q JOIN delivery d ON d.request = q.position
        WHERE q.state <> 'settled' AND d.sha256 IS NOT NULL
    """,
    "the places of its delivery have a gap": """
        SELECT q.id FROM request q JOIN delivery d ON d.request = q.position
        GROUP BY q.position HAVING max(d.place) <> count(*)
    """,
    "more is delivered than is wanted, or less although it counts as delivered": """
        SELECT q.id FROM request q LEFT JOIN delivery d ON d.request = q.position
        GROUP BY q.position HAVING count(d.place) > q.wanted
        OR (q.outcome = 'delivered' AND count(d.place) < q.wanted)
    """,
    "a round does not have the candidates that were planned": """
        SELECT q.id FROM round r JOIN request q ON q.position = r.request
        LEFT JOIN candidate c ON c.request = r.request AND c.round = r.number
        GROUP BY r.request, r.number HAVING count(c.key) <> r.planned
    """,
    "settled with candidates that are not judged": """
        SELECT DISTINCT q.id FROM request q JOIN candidate c ON c.request = q.position
        WHERE q.state = 'settled' AND c.state <> 'judged'
    """,
    "the run is finished, but this request is not": """
        SELECT q.id FROM request q JOIN candidate c ON c.request = q.position
        WHERE (SELECT finished FROM run) IS NOT NULL AND c.round > 0 AND q.state <> 'settled'
        GROUP BY q.position
    """,
}
"""What can never be true, and the ids for which it is."""


def audit(reader: LedgerReader) -> Iterator[tuple[str, str]]:
    """(what it is about, what is wrong) for everything that is wrong inside the ledger.

    Damage of the file itself is about ``ledger.sqlite``; the rest about a request or candidate.

    Raises:
        LedgerError: the file is too damaged to be asked.
    """
    for (message,) in reader.ask("PRAGMA integrity_check(20)"):
        if message != "ok":
            yield "ledger.sqlite", f"the file is damaged: {message}"
            return
    for table, row, parent, _ in reader.ask("PRAGMA foreign_key_check"):
        yield "ledger.sqlite", f"row {row} of {table} refers to nothing in {parent}"
    for what, sql in NEVER.items():
        for (subject,) in reader.ask(sql):
            yield subject, what
