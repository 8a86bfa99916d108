"""What early rejection saved, and how often it was wrong, as the ledger says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ledger_samples import MADE, RUBRIC, SETTINGS, Result, candidates, new_ledger, planned, request
from ledger_samples import deliver as delivered
from ledger_samples import result as scored

from sentinelqa.ledger import LedgerReader
from sentinelqa.pipeline.early import write_early_rejection
from sentinelqa.results import Run
from sentinelqa.rundir import RunDir
from sentinelqa.screening import PREVIEW
from sentinelqa.types import Candidate, Measurement, Outcome

STEP = 8
Seen = tuple[Outcome, float, bool, bool]
"""Outcome, standing half way, whether the rule would drop it, and whether it did."""

PASS, FAIL, ERROR = Outcome.PASS, Outcome.FAIL, Outcome.ERROR
AUDITED: list[Seen] = [(PASS, 0.9, False, False), (PASS, 0.1, True, False), (FAIL, 0, True, False)]
RULED: list[Seen] = [(PASS, 0.8, False, False), (FAIL, 0.1, True, True), (FAIL, 0, True, True)]
PILOT: list[Seen] = [(PASS, 1.0, False, False), (PASS, 1.0, False, False), (FAIL, 1, False, False)]


def _result(candidate: Candidate, seen: Seen, *, whole: bool) -> Result:
    outcome, standing, would_drop, dropped = seen
    metrics = {"sharpness": 0.5, "step": STEP, "would_drop": would_drop, "whole": whole}
    found = scored(candidate, outcome)
    look = Measurement(dimension=PREVIEW, score=standing, metrics=metrics)
    found = replace(found, measurements=(*found.measurements, look))
    return replace(found, image=None, phash=None) if dropped else found


def test_what_was_saved_and_what_the_audit_found(tmp_path: Path) -> None:
    wants = [request(number, deliver=2) for number in range(4)]
    cases = [(AUDITED, True, (0, 1)), (RULED, False, (0,)), (PILOT, True, (0, 1))]
    with new_ledger(tmp_path, wants) as ledger:
        for want, (seen, whole, winners) in zip(wants, cases, strict=False):
            made = candidates(want, count=3)
            ledger.plan_round(want.id, planned(want, count=3), made)
            ledger.lease([one.id for one in made])
            results = (_result(*pair, whole=whole) for pair in zip(made, seen, strict=True))
            ledger.record_scores([(one, MADE) for one in results], RUBRIC)
            delivered(ledger, want, [made[n] for n in winners])
        unseen = candidates(wants[3], count=1)
        ledger.plan_round(wants[3].id, planned(wants[3], count=1), unseen)
        ledger.lease([unseen[0].id])
        outage = replace(scored(unseen[0], ERROR), measurements=(), image=None)
        ledger.record_scores([(outage, MADE)], RUBRIC)

    with LedgerReader.open(tmp_path / "ledger.sqlite") as reader:
        write_early_rejection(RunDir(tmp_path), reader)

    assert Run(tmp_path).early_rejection == {
        "looked_at": 9,
        "dropped": 2,
        "steps_saved": pytest.approx(2 * (SETTINGS.steps - STEP) / (10 * SETTINGS.steps), abs=1e-4),
        "audit": {"finished": 2, "passed": 1, "delivered": 1, "images": 2},
    }


def test_a_run_in_which_nobody_was_looked_at_says_nothing(tmp_path: Path) -> None:
    want = request(0)
    with new_ledger(tmp_path, [want]) as ledger:
        ledger.plan_round(want.id, planned(want), candidates(want))

    with LedgerReader.open(tmp_path / "ledger.sqlite") as reader:
        write_early_rejection(RunDir(tmp_path), reader)

    assert Run(tmp_path).early_rejection is None
