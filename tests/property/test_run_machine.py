"""A whole run without its workers: scheduler and ledger, killed and stopped at any moment."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinelqa.ledger import Ledger, LedgerReader
from sentinelqa.ledger.audit import audit
from sentinelqa.pipeline.loop import outcome_of
from sentinelqa.pooling import Pooling
from sentinelqa.retry import RetryPolicy
from sentinelqa.scheduling import COHORT, Closed, Planned, Ranking, Scheduler
from sentinelqa.scorer import Scored
from sentinelqa.types import Candidate, Judged, Outcome, Request, RequestOutcome, Settings, Verdict

SETTINGS = Settings(model="m")
POLICY = RetryPolicy(first=3, max=9, retries=2)
REQUESTS = [Request(id=f"r{n}", prompt="p", deliver=1 + n % 2) for n in range(5)]

Ended = dict[str, tuple[RequestOutcome | None, tuple[str, ...]]]


def verdict_of(candidate: Candidate) -> Verdict:
    """A verdict that depends on the candidate alone, of every kind."""
    share = (candidate.seed >> 8) % 100
    kinds = ((15, Outcome.PASS), (75, Outcome.FAIL), (88, Outcome.REVIEW), (100, Outcome.ERROR))
    outcome = next(kind for limit, kind in kinds if share < limit)
    return Verdict(outcome=outcome, rank=candidate.seed % 1000 / 1000)


def session(ledger: Ledger, rng: random.Random, batch: int) -> Iterator[None]:
    """One process of a run. It may be dropped at every yield, as a process that dies is."""
    pooling = Pooling(COHORT, ledger.first_rounds(), ledger.first_open())
    scheduler = Scheduler(settings=SETTINGS, policy=POLICY, seed=1, pooling=pooling)

    def note(event: Planned | Closed | Ranking | None) -> Iterator[None]:
        if isinstance(event, Planned):
            ledger.plan_round(event.request.id, event.round, event.candidates)
        elif isinstance(event, Closed):
            ledger.close_request(
                event.request.id,
                outcome=outcome_of(event),
                reason="" if event.stop.kind == "enough" else event.stop.reason,
                selection=event.selection,
            )
            yield
            files = [(c, "d" * 64) for c in event.selection.delivered]
            ledger.record_delivery(event.request.id, files)
        yield

    for position, request in list(ledger.open_requests()):
        yield from note(scheduler.admit(request, position, ledger.rounds_of(request.id)))
    flying: list[Candidate] = []
    while scheduler.open:
        taken = scheduler.take(batch, partial=rng.random() < 0.5 or not flying)
        if taken:
            ledger.lease([c.id for c in taken])
            flying.extend(taken)
            yield
        if flying:
            candidate = flying.pop(rng.randrange(len(flying)))
            verdict = verdict_of(candidate)
            ledger.record_scores([(Scored.outage(candidate, verdict), None)], "rubric")
            yield
            yield from note(scheduler.judged(Judged(candidate=candidate, verdict=verdict)))


def go(seed: int, batch: int, dying: float) -> tuple[Ended, list[str]]:
    """Run to the end; at every moment the process dies or is stopped with chance ``dying``.

    Returns:
        what became of each request, and what the ledger's own checks say.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        ledger = Ledger.create(path, fingerprint="f")
        ledger.add_requests(REQUESTS)
        done = False
        while not done:
            for _ in session(ledger, rng, batch):
                if rng.random() < dying:
                    break
            else:
                done = True
                ledger.finish()
            ledger.close(in_order=rng.random() < 0.5)
            if not done:
                ledger = Ledger.open(path)
        with LedgerReader.open(path) as reader:
            outcomes = {r.request.id: r.outcome for r in reader.requests()}
            files = {d.request_id: tuple(c for c, _ in d.files) for d in reader.deliveries()}
            judged = {r.candidate.id: r.verdict for r in reader.candidates()}
            wrong = [f"{what}: {why}" for what, why in audit(reader)]
    for request, chosen in files.items():
        for candidate in chosen:
            verdict = judged[candidate]
            if verdict is None or verdict.outcome is not Outcome.PASS:
                wrong.append(f"{request} is given {candidate}, which did not pass")
    return {r: (outcomes[r], files.get(r, ())) for r in outcomes}, wrong


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), batch=st.integers(1, 7), dying=st.sampled_from([0, 0.02, 0.1]))
def test_every_request_ends_in_one_outcome_that_deaths_and_batches_do_not_change(
    seed: int, batch: int, dying: float
) -> None:
    reference, _ = go(0, 4, 0.0)
    found, wrong = go(seed, batch, dying)
    assert wrong == []
    assert found == reference
    assert set(found) == {r.id for r in REQUESTS}
    assert all(outcome is not None for outcome, _ in found.values())


def test_the_requests_end_in_different_ways() -> None:
    found, _ = go(0, 4, 0.0)
    assert len({outcome for outcome, _ in found.values()}) >= 2


def test_the_machine_notices_a_request_that_is_delivered_what_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lenient:
        PASS = Outcome.FAIL

    monkeypatch.setattr("sentinelqa.selection.Outcome", Lenient)
    _, wrong = go(0, 4, 0.0)
    assert any("did not pass" in w for w in wrong)
