"""What a report reads of the ledger: of some requests that stand together, and no others."""

from __future__ import annotations

import json
from pathlib import Path

from ledger_samples import SETTINGS, candidates, judge, new_ledger, planned, request

from sentinelqa.report.records import NOTHING, Record, records_between
from sentinelqa.types import RequestOutcome, Selection


def test_records_are_those_of_the_requests_between(tmp_path: Path) -> None:
    wants = [request(number) for number in range(4)]
    with new_ledger(tmp_path, wants) as ledger:
        for want in wants:
            ledger.plan_round(want.id, planned(want), candidates(want))
        for want in wants[:2]:
            judge(ledger, candidates(want))
        best, twin = (one.id for one in candidates(wants[1]))
        selection = Selection(delivered=(best,), duplicates={twin: best})
        ledger.close_request(
            wants[1].id, outcome=RequestOutcome.DELIVERED, reason="", selection=selection
        )

    found = records_between(tmp_path / "ledger.sqlite", wants[1].id, wants[2].id)

    assert sorted(found) == sorted(one.id for want in wants[1:3] for one in candidates(want))
    settings = json.dumps(SETTINGS.as_dict())
    assert found[twin] == Record(
        settings=settings,
        duplicate_of=best,
        phash=(1 << 63) + 1,
        warnings=("close",),
        notes=(("text", "no weights"),),
    )
    assert found[best].duplicate_of == ""
    assert found[candidates(wants[2])[0].id] == Record(settings=settings)
    assert Record() == NOTHING
