"""What early rejection saved, and how often it was wrong where candidates were finished all the
same. Beside the tables, from the ledger alone."""

from __future__ import annotations

from sentinelqa.files import write_json
from sentinelqa.ledger import LedgerReader
from sentinelqa.rundir import RunDir
from sentinelqa.screening import PREVIEW

LOOKS = """
    SELECT count(*),
        total(c.sha256 IS NULL),
        total((c.sha256 IS NULL)
            * (json_extract(r.settings, '$.steps') - json_extract(m.metrics, '$.step'))),
        total(c.sha256 IS NOT NULL AND json_extract(m.metrics, '$.would_drop')),
        total(v.outcome = 'pass' AND json_extract(m.metrics, '$.would_drop')),
        total(d.candidate IS NOT NULL AND json_extract(m.metrics, '$.would_drop'))
    FROM measurement m
    JOIN candidate c ON c.key = m.candidate
    JOIN verdict v ON v.candidate = m.candidate
    JOIN round r ON r.request = c.request AND r.number = c.round
    LEFT JOIN delivery d ON d.candidate = m.candidate
    WHERE m.dimension = ?
"""
STEPS = """
    SELECT total(json_extract(r.settings, '$.steps')) FROM candidate c
    JOIN round r ON r.request = c.request AND r.number = c.round WHERE c.state = 'judged'
"""
WHOLE = """
    SELECT count(*) FROM delivery WHERE request IN (
        SELECT c.request FROM measurement m JOIN candidate c ON c.key = m.candidate
        WHERE m.dimension = ? AND json_extract(m.metrics, '$.whole')
        GROUP BY c.request HAVING min(m.score) < 1
    )
"""


def write_early_rejection(run: RunDir, reader: LedgerReader) -> None:
    """Write ``early_rejection.json``; nothing where no candidate was looked at half way.

    ``audit`` counts candidates that were finished although the rule would have dropped them, how
    many of these passed and were delivered, and ``images`` what requests delivered in all that were
    finished whole under a rule.
    """
    looked, dropped, saved, finished, passed, delivered = reader.ask(LOOKS, (PREVIEW,))[0]
    if not looked:
        return
    steps, images = reader.ask(STEPS)[0][0], reader.ask(WHOLE, (PREVIEW,))[0][0]
    facts = {
        "looked_at": looked,
        "dropped": int(dropped),
        "steps_saved": round(saved / steps, 4),
        "audit": {
            "finished": int(finished),
            "passed": int(passed),
            "delivered": int(delivered),
            "images": images,
        },
    }
    write_json(run.early_rejection, facts)
