"""The scheduler: neither the order in which workers finish nor a restart changes a decision."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinelqa.retry import PassRate, Recipe, RetryPolicy, Round
from sentinelqa.scheduling import COHORT, Closed, Planned, Ranking, Scheduler, pass_rate
from sentinelqa.types import Candidate, Judged, Outcome, Request, Settings, Verdict

SETTINGS = Settings(model="m")
POLICY = RetryPolicy(first=4, max=12, retries=3)


def kind_of(request_id: str) -> int:
    return sum(request_id.encode()) % 5


def request_at(position: int) -> Request:
    """Its metadata says how often it passes."""
    name = f"r{position}"
    return Request(id=name, prompt="p", deliver=2, metadata={"kind": kind_of(name)})


def verdict_of(candidate: Candidate) -> Verdict:
    """A verdict that depends on the candidate alone; requests differ in how often they pass."""
    share = (candidate.seed >> 8) % 100 / 100
    level = kind_of(candidate.request_id) / 4
    outcome = Outcome.PASS if share < level else Outcome.FAIL
    return Verdict(outcome=outcome, rank=(candidate.seed % 1000) / 1000)


def drive(count: int, order_seed: int, batch: int) -> tuple[list[Closed], list[Planned]]:
    """Run ``count`` requests to the end, with verdicts arriving in a shuffled order."""
    rng = random.Random(order_seed)
    scheduler = Scheduler(settings=SETTINGS, policy=POLICY, seed=1)
    closed: list[Closed] = []
    planned: list[Planned] = []
    flying: list[Candidate] = []
    position = 0

    def note(event: Planned | Closed | Ranking | None) -> None:
        if isinstance(event, Planned):
            planned.append(event)
        elif isinstance(event, Closed):
            closed.append(event)

    while position < count or scheduler.open:
        while position < count and scheduler.may_admit(position):
            note(scheduler.admit(request_at(position), position))
            position += 1
        flying.extend(scheduler.take(batch, partial=rng.random() < 0.5 or not flying))
        if flying and (rng.random() < 0.7 or not scheduler.queued):
            candidate = flying.pop(rng.randrange(len(flying)))
            note(scheduler.judged(Judged(candidate=candidate, verdict=verdict_of(candidate))))
    return closed, planned


def summary(closed: list[Closed]) -> dict[str, tuple[object, ...]]:
    return {c.request.id: (c.selection.delivered, c.stop, len(c.judged)) for c in closed}


@settings(max_examples=30, deadline=None)
@given(order=st.integers(0, 10_000), batch=st.integers(1, 9), count=st.integers(1, 3 * COHORT))
def test_order_of_arrival_and_batch_size_change_nothing(order: int, batch: int, count: int) -> None:
    reference, _ = drive(count, order_seed=0, batch=4)
    closed, _ = drive(count, order_seed=order, batch=batch)

    assert summary(closed) == summary(reference)
    assert len(closed) == count


def test_what_is_learnt_of_like_requests_hangs_on_no_order_either() -> None:
    count = 6 * COHORT
    reference, planned = drive(count, order_seed=0, batch=4)
    closed, again = drive(count, order_seed=1, batch=7)

    assert summary(closed) == summary(reference)
    reasons = {p.request.id: p.round.why for p in planned if p.round.number == 1}
    assert reasons == {p.request.id: p.round.why for p in again if p.round.number == 1}
    assert {why.rpartition(" where ")[2] for why in reasons.values() if " where " in why} >= {
        "kind is 0",
        "kind is 1",
    }


def test_seeds_and_ids_are_those_of_the_request_and_index_alone() -> None:
    _, few = drive(3, order_seed=1, batch=2)
    _, many = drive(40, order_seed=2, batch=8)
    seeds = {c.id: c.seed for p in many for c in p.candidates}

    assert all(seeds[c.id] == c.seed for p in few for c in p.candidates if c.id in seeds)
    assert len(seeds) == sum(len(p.candidates) for p in many)


def test_a_restart_between_any_two_verdicts_ends_the_same() -> None:
    request = Request(id="r3", prompt="p", deliver=2)
    reference = next(c for c in drive(4, 0, 4)[0] if c.request.id == "r3")
    for stop_after in range(len(reference.judged)):
        assert summary([_with_restart(request, stop_after)]) == summary([reference])


def test_an_image_of_any_round_that_was_lost_is_made_again() -> None:
    closed, planned = drive(4, 0, 4)
    reference = max(closed, key=lambda c: len(c.judged))
    name = reference.request.id
    own = [p for p in planned if p.request.id == name]
    assert len(own) > 1
    for lost in (j.candidate for j in reference.judged):
        scheduler = Scheduler(settings=SETTINGS, policy=POLICY, seed=1)
        rounds = []
        for one in own:
            kept = [j for j in reference.judged if j.candidate in one.candidates]
            waiting = [j.candidate for j in kept if j.candidate == lost]
            judged = [j for j in kept if j.candidate != lost]
            rounds.append((replace(one.round, judged=judged), waiting))

        assert scheduler.admit(reference.request, int(name[1:]), rounds) is None
        assert scheduler.take(8, partial=True) == [lost]
        again = scheduler.judged(Judged(candidate=lost, verdict=verdict_of(lost)))

        assert isinstance(again, Closed)
        assert summary([again]) == summary([reference])


def test_a_cohort_waits_for_the_first_rounds_two_before_it() -> None:
    scheduler = Scheduler(settings=SETTINGS, policy=POLICY, seed=1)
    for position in range(2 * COHORT):
        assert scheduler.may_admit(position)
        scheduler.admit(Request(id=f"r{position}", prompt="p", deliver=2), position)

    assert not scheduler.may_admit(2 * COHORT)


def _with_restart(request: Request, stop_after: int) -> Closed:
    first = Scheduler(settings=SETTINGS, policy=POLICY, seed=1)
    event = first.admit(request, 3)
    rounds: list[tuple[Round, list[Candidate]]] = []
    judged: list[Judged] = []
    while True:
        if isinstance(event, Planned):
            rounds.append((event.round, list(event.candidates)))
        if len(judged) == stop_after:
            break
        (candidate,) = first.take(1, partial=True)
        judged.append(Judged(candidate=candidate, verdict=verdict_of(candidate)))
        event = first.judged(judged[-1])
        assert not isinstance(event, Closed)
    second = Scheduler(settings=SETTINGS, policy=POLICY, seed=1)
    event = second.admit(request, 3, [_as_recorded(r, c, judged) for r, c in rounds])
    while not isinstance(event, Closed):
        (candidate,) = second.take(1, partial=True)
        event = second.judged(Judged(candidate=candidate, verdict=verdict_of(candidate)))
    return event


def _as_recorded(
    planned: Round, candidates: list[Candidate], judged: list[Judged]
) -> tuple[Round, list[Candidate]]:
    done = [j for j in judged if j.candidate.round == planned.number]
    known = {j.candidate.id for j in done}
    recorded = Round(
        number=planned.number,
        recipe=Recipe(settings=planned.recipe.settings, prompt=planned.recipe.prompt),
        count=planned.count,
        why=planned.why,
        judged=done,
    )
    return recorded, [c for c in candidates if c.id not in known]


def test_outages_do_not_count_against_a_request() -> None:
    judged = [
        Judged(candidate=Candidate(id=str(i), request_id="r"), verdict=Verdict(outcome=o))
        for i, o in enumerate([Outcome.PASS, Outcome.ERROR, Outcome.FAIL, Outcome.REVIEW])
    ]

    assert pass_rate(judged) == PassRate.of_request(passed=1, judged=3)
