"""Which candidates to make next: open requests, their rounds, and full batches across requests.

Everything it decides is a function of the job and of the verdicts of the request concerned, or of
all first rounds of requests well before it in the file. Never of the clock or of the order in which
workers finish, so a run that was killed and resumed decides what an unkilled one does.

Requests form cohorts by position. A cohort opens when every request two cohorts before it has its
first round judged; the pass rates of those first rounds make its prior (``pooling.py``).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sentinelqa.pooling import FirstRound, Pooled, Pooling
from sentinelqa.retry import (
    PassRate,
    Recipe,
    RetryPolicy,
    Round,
    Standing,
    Stop,
    first_round,
    next_round,
)
from sentinelqa.selection import contenders, select
from sentinelqa.types import (
    Candidate,
    Judged,
    Outcome,
    Request,
    Selection,
    Settings,
    candidate_id,
    candidate_seed,
)

COHORT = 16
"""Requests that share a prior. Two cohorts are open at a time, enough to fill large batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A round to be recorded before its candidates are made."""

    request: Request
    round: Round
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Candidates whose whole rank must be known before the request can go on."""

    request: Request
    judged: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A request that is finished: what is delivered, and why no more was tried."""

    request: Request
    selection: Selection
    stop: Stop
    judged: tuple[Judged, ...]


@dataclass(slots=True)
class _Open:
    """A request between its first plan and its close."""

    request: Request
    position: int
    pooled: Pooled
    first_pending: bool
    rounds: list[Round] = field(default_factory=list)
    waiting: dict[str, Candidate] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    ranking: set[str] = field(default_factory=set)


class Scheduler:
    """Holds the requests that are being worked on, and nothing of those before or after.

    Args:
        settings: the job's; a request's overrides come on top.
        seed: the run's seed.
        min_distance: of the rubric's ``diversity``.
        pooling: what is known of first rounds; filled when resuming.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        policy: RetryPolicy,
        seed: int,
        min_distance: float = 0.0,
        pooling: Pooling | None = None,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._seed = seed
        self._min_distance = min_distance
        self._open: dict[str, _Open] = {}
        self.pooling = pooling or Pooling(COHORT)
        self._unfinished: dict[int, int] = {}
        self._queues: dict[Settings, list[tuple[int, int, Candidate]]] = {}

    @property
    def open(self) -> int:
        """Requests being worked on."""
        return len(self._open)

    @property
    def queued(self) -> int:
        """Candidates that wait to be made."""
        return sum(len(q) for q in self._queues.values())

    def may_admit(self, position: int) -> bool:
        """Whether the request at this position may be opened now."""
        last = position // COHORT - 2
        return not any(count for cohort, count in self._unfinished.items() if cohort <= last)

    def admit(
        self,
        request: Request,
        position: int,
        rounds: Sequence[tuple[Round, Sequence[Candidate]]] = (),
    ) -> Planned | Closed | Ranking | None:
        """Open a request; with ``rounds``, go on where an interrupted run left off.

        Args:
            rounds: what was planned before, in order, each with its candidates that are not yet
                judged; a round's ``judged`` holds the others. Earlier rounds have such, too, where
                an image was lost and is to be made again.

        Returns:
            What is to be recorded: a new round, or that the request is finished.
        """
        cohort = position // COHORT
        entry = _Open(
            request=request,
            position=position,
            pooled=self._pooled(request, position),
            first_pending=not rounds or bool(rounds[0][1]),
        )
        self._open[request.id] = entry
        self._unfinished[cohort] = self._unfinished.get(cohort, 0) + entry.first_pending
        if not rounds:
            recipe, known = self._recipe(request), entry.pooled
            opening = first_round(recipe, request.deliver, self._policy, known.rate, known.like)
            return self._plan(entry, opening)
        for planned, waiting in rounds:
            entry.rounds.append(planned)
            entry.judged.extend(planned.judged)
            self._enqueue(entry, waiting)
        return None if entry.waiting else self._round_finished(entry)

    def take(self, size: int, *, partial: bool) -> list[Candidate]:
        """Up to ``size`` candidates that share settings, those of the earliest requests first.

        Args:
            partial: whether a batch that is not full may leave.
        """
        ready = [q for q in self._queues.values() if q and (partial or len(q) >= size)]
        if not ready:
            return []
        queue = min(ready, key=lambda q: q[0][:2])
        batch = [heapq.heappop(queue)[2] for _ in range(min(size, len(queue)))]
        self._queues = {s: q for s, q in self._queues.items() if q}
        return batch

    def request_of(self, candidate: Candidate) -> Request:
        """The open request that a candidate belongs to."""
        return self._open[candidate.request_id].request

    def judged(self, judged: Judged) -> Planned | Closed | Ranking | None:
        """Take in a verdict. Returns what is to be recorded when it was the round's last."""
        entry = self._open[judged.candidate.request_id]
        del entry.waiting[judged.candidate.id]
        entry.judged.append(judged)
        return None if entry.waiting else self._round_finished(entry)

    def ranked(self, judged: Judged) -> Planned | Closed | Ranking | None:
        """Take in the whole rank of a candidate. Returns what is to be recorded or ranked next when
        it was the last that was asked for."""
        entry = self._open[judged.candidate.request_id]
        entry.ranking.remove(judged.candidate.id)
        entry.judged = [
            judged if j.candidate.id == judged.candidate.id else j for j in entry.judged
        ]
        return None if entry.ranking else self._round_finished(entry)

    def again(self, candidates: Iterable[Candidate]) -> None:
        """Put candidates back that were taken but not made."""
        for candidate in candidates:
            self._push(self._open[candidate.request_id].position, candidate)

    def _recipe(self, request: Request) -> Recipe:
        return Recipe(
            settings=self._settings.evolve(**request.overrides),
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
        )

    def _plan(self, entry: _Open, planned: Round) -> Planned:
        start = sum(r.count for r in entry.rounds)
        candidates = tuple(self._candidates(entry.request, planned, start))
        entry.rounds.append(planned)
        self._enqueue(entry, candidates)
        return Planned(request=entry.request, round=planned, candidates=candidates)

    def _candidates(self, request: Request, planned: Round, start: int) -> Iterator[Candidate]:
        for index in range(start, start + planned.count):
            yield Candidate(
                id=candidate_id(request.id, index),
                request_id=request.id,
                index=index,
                round=planned.number,
                seed=candidate_seed(self._seed, request.id, index),
                prompt=planned.recipe.prompt,
                negative_prompt=planned.recipe.negative_prompt,
                settings=planned.recipe.settings,
            )

    def _enqueue(self, entry: _Open, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            entry.waiting[candidate.id] = candidate
            self._push(entry.position, candidate)

    def _push(self, position: int, candidate: Candidate) -> None:
        if candidate.settings is None:
            raise ValueError(f"candidate {candidate.id} has no settings to generate with")
        queue = self._queues.setdefault(candidate.settings, [])
        heapq.heappush(queue, (position, candidate.index, candidate))

    def _round_finished(self, entry: _Open) -> Planned | Closed | Ranking:
        judged = sorted(entry.judged, key=lambda j: j.candidate.index)
        entry.rounds = [
            _with_judged(r, [j for j in judged if j.candidate.round == r.number])
            for r in entry.rounds
        ]
        self._note_first_round(entry)
        selection = select(judged, entry.request.deliver, min_distance=self._min_distance)
        standing = Standing(
            wanted=entry.request.deliver,
            delivered=len(selection.delivered),
            rounds=entry.rounds,
            pooled=entry.pooled.rate,
        )
        following = next_round(standing, self._policy)
        if isinstance(following, Stop) or selection.duplicates:
            needed = contenders(judged, entry.request.deliver, min_distance=self._min_distance)
            if needed:
                entry.ranking = set(needed)
                contending = tuple(j for j in judged if j.candidate.id in entry.ranking)
                return Ranking(request=entry.request, judged=contending)
        if isinstance(following, Round):
            return self._plan(entry, following)
        del self._open[entry.request.id]
        return Closed(
            request=entry.request, selection=selection, stop=following, judged=tuple(judged)
        )

    def _note_first_round(self, entry: _Open) -> None:
        if not entry.first_pending:
            return
        entry.first_pending = False
        cohort = entry.position // COHORT
        self._unfinished[cohort] -= 1
        rate = pass_rate(entry.rounds[0].judged)
        self.pooling.note(FirstRound(entry.position, entry.request, rate))

    def _pooled(self, request: Request, position: int) -> Pooled:
        """The prior of a request. They are opened in order, so what is settled stays so."""
        for done in [c for c in self._unfinished if c <= position // COHORT - 2]:
            del self._unfinished[done]
        return self.pooling.prior(position, request)


def filling(policy: RetryPolicy, batch: int, requests: int) -> RetryPolicy:
    """The policy for a job of so few requests that their top-ups alone would leave empty slots."""
    return replace(policy, least=math.ceil(batch / max(1, min(requests, 2 * COHORT))))


def pass_rate(judged: Iterable[Judged]) -> PassRate:
    """Passed and judged; an outage says nothing of a request and is left out."""
    outcomes = [j.verdict.outcome for j in judged]
    return PassRate.of_request(
        passed=sum(o is Outcome.PASS for o in outcomes),
        judged=sum(o is not Outcome.ERROR for o in outcomes),
    )


def _with_judged(of: Round, judged: Sequence[Judged]) -> Round:
    return Round(number=of.number, recipe=of.recipe, count=of.count, why=of.why, judged=judged)
