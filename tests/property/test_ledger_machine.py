"""The ledger as a state machine: in any order of events it agrees with a model."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from sentinelqa.errors import LedgerError
from sentinelqa.ledger import Ledger, LedgerReader
from sentinelqa.ledger.audit import audit
from sentinelqa.ledger.states import LOST_LEASES
from sentinelqa.retry import Recipe, Round
from sentinelqa.scorer import Scored
from sentinelqa.selection import select
from sentinelqa.types import (
    Candidate,
    Judged,
    Outcome,
    Request,
    RequestOutcome,
    Selection,
    Settings,
    Verdict,
    candidate_id,
)

REQUESTS = [Request(id=f"r{n}", prompt="p", deliver=2) for n in range(3)]
COUNT = 3


class LedgerMachine(RuleBasedStateMachine):
    """Plans, leases, results, closes, deliveries, crashes and stops, in any order."""

    candidates: Bundle[Candidate] = Bundle("candidates")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sentinelqa-"))
        self.path = self.folder / "ledger.sqlite"
        self.ledger = Ledger.create(self.path, fingerprint="f")
        self.ledger.add_requests(REQUESTS)
        self.state: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.rounds = {r.id: 0 for r in REQUESTS}
        self.requests = {r.id: "open" for r in REQUESTS}
        self.delivered: dict[str, tuple[str, ...]] = {}
        self.selected: dict[str, tuple[str, ...]] = {}

    @rule(target=candidates, n=st.integers(0, 2), which=st.integers(0, COUNT - 1))
    def plan(self, n: int, which: int) -> Candidate:
        request = REQUESTS[n]
        if self.requests[request.id] == "open":
            number = self.rounds[request.id] = self.rounds[request.id] + 1
            recipe = Recipe(settings=Settings(model="m"), prompt="p")
            new = [self._candidate(request, (number - 1) * COUNT + i, number) for i in range(COUNT)]
            planned = Round(number=number, recipe=recipe, count=COUNT)
            self.ledger.plan_round(request.id, planned, new)
            for candidate in new:
                self.state[candidate.id], self.attempts[candidate.id] = "planned", 0
        return self._candidate(request, which, 1)

    def _candidate(self, request: Request, index: int, number: int) -> Candidate:
        identity = candidate_id(request.id, index)
        return Candidate(id=identity, request_id=request.id, index=index, round=number)

    @rule(candidate=candidates)
    def lease(self, candidate: Candidate) -> None:
        try:
            self.ledger.lease([candidate.id])
        except LedgerError:
            assert self.state.get(candidate.id) in (None, "judged")
        else:
            assert self.state[candidate.id] in ("planned", "leased")
            self.state[candidate.id] = "leased"
            self.attempts[candidate.id] += 1

    @rule(candidate=candidates, outcome=st.sampled_from(Outcome))
    def result(self, candidate: Candidate, outcome: Outcome) -> None:
        scored = Scored.outage(candidate, Verdict(outcome=outcome))
        count = self.ledger.record_scores([(scored, None)], "rubric")
        assert count == (self.state.get(candidate.id) == "leased")
        if count:
            self.state[candidate.id] = "judged"
            self.outcomes[candidate.id] = outcome

    @rule(n=st.integers(0, 2))
    def close(self, n: int) -> None:
        request = REQUESTS[n]
        judged = [
            Judged(
                candidate=self._candidate(request, i, 1),
                verdict=Verdict(outcome=self.outcomes[candidate_id(request.id, i)]),
            )
            for i in range(self.rounds[request.id] * COUNT)
            if candidate_id(request.id, i) in self.outcomes
        ]
        if len(judged) < self.rounds[request.id] * COUNT:
            return
        selection = select(judged, request.deliver)
        full = len(selection.delivered) == request.deliver
        outcome = RequestOutcome.DELIVERED if full else RequestOutcome.SHORT
        try:
            self.ledger.close_request(request.id, outcome=outcome, reason="", selection=selection)
        except LedgerError:
            assert self.requests[request.id] == "settled"
        else:
            self.requests[request.id] = "closed"
            self.selected[request.id] = selection.delivered

    @rule(n=st.integers(0, 2))
    def deliver(self, n: int) -> None:
        request = REQUESTS[n]
        files = [(c, "d" * 64) for c in self.selected.get(request.id, ())]
        try:
            self.ledger.record_delivery(request.id, files)
        except LedgerError:
            assert self.requests[request.id] != "closed"
        else:
            assert self.requests[request.id] == "closed"
            self.requests[request.id] = "settled"
            self.delivered[request.id] = self.selected[request.id]

    @rule(in_order=st.booleans())
    def restart(self, in_order: bool) -> None:
        self.ledger.close(in_order=in_order)
        self.ledger = Ledger.open(self.path)
        for identity in [i for i, s in self.state.items() if s == "leased"]:
            self.attempts[identity] -= in_order
            if self.attempts[identity] >= LOST_LEASES and not in_order:
                self.state[identity] = "judged"
                self.outcomes[identity] = Outcome.ERROR
            else:
                self.state[identity] = "planned"

    @invariant()
    def what_is_read_is_what_happened(self) -> None:
        with LedgerReader.open(self.path) as reader:
            records = {r.candidate.id: r for r in reader.candidates()}
            assert {i: r.attempts for i, r in records.items()} == self.attempts
            outcomes = {i: r.verdict.outcome for i, r in records.items() if r.verdict}
            assert outcomes == self.outcomes
            placed = {i for i, r in records.items() if r.place is not None}
            assert placed == {c for cs in self.delivered.values() for c in cs}
            assert all(outcomes[i] is Outcome.PASS for i in placed)
            assert list(audit(reader)) == []
        still_open = [r.id for _, r in self.ledger.open_requests()]
        assert still_open == [r.id for r in REQUESTS if self.requests[r.id] != "settled"]

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


def test_a_selection_of_nothing_can_be_delivered(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.sqlite", fingerprint="f") as ledger:
        ledger.add_requests(REQUESTS[:1])
        ledger.close_request(
            "r0", outcome=RequestOutcome.SHORT, reason="nothing passed", selection=Selection()
        )
        ledger.record_delivery("r0", [])
        ledger.finish()
        assert ledger.finished
