"""The loop of a run: plan, generate, score, judge, deliver, all at the same time.

Generating and scoring run on the engine's workers; this process plans, records and delivers. It
never waits for one while the other could go on. What is in flight is bounded: when scoring falls
behind, no new batch is generated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sentinelqa.delivery import Winner, deliver
from sentinelqa.engines.base import Done, Engine, Failed, Pool
from sentinelqa.errors import GenerationError, RunError
from sentinelqa.generators.raw import Raw, remove
from sentinelqa.generators.stage import GeneratedFiles, GenerateItem, HalfwayFiles
from sentinelqa.job import Job
from sentinelqa.ledger import Ledger, Made
from sentinelqa.pipeline.attempts import Attempts
from sentinelqa.pipeline.halfway import Halfway
from sentinelqa.pipeline.ranking import Ranker
from sentinelqa.pipeline.retention import drop
from sentinelqa.pipeline.surveying import Place, Surveyor
from sentinelqa.progress import Display, Tally
from sentinelqa.retry import Round
from sentinelqa.rubric.model import Rubric
from sentinelqa.rundir import RunDir
from sentinelqa.scheduling import Closed, Planned, Ranking, Scheduler
from sentinelqa.scorer import Scored, ScoreItem
from sentinelqa.screening import PREVIEW
from sentinelqa.tracing import span
from sentinelqa.types import (
    Candidate,
    Measurement,
    ModelUse,
    Outcome,
    Request,
    RequestOutcome,
)

SCORE_BATCH = 8
"""Images that a scorer takes at once."""
AHEAD_BYTES = 256 * 2**20
"""Raw pixels that may wait for a scorer: the device goes on while scorers load, or fall behind for
a while."""
WAIT = 0.5
"""Seconds after which the loop looks at deliveries even if no worker reports."""


@dataclass(slots=True)
class Loop:
    """One run from its first open request to its last delivery.

    Attributes:
        models: by the name that settings use, for the evidence.
        leftovers: raw images that an earlier process made, by candidate.
        scores_ahead: raw images that may wait for a scorer before generation pauses.
    """

    job: Job
    rubric: Rubric
    run: RunDir
    ledger: Ledger
    engine: Engine
    scheduler: Scheduler
    generating: Pool
    scoring: Pool
    tally: Tally
    display: Display
    source: Iterator[tuple[int, Request]]
    deliverer: ThreadPoolExecutor
    surveyor: Surveyor
    halfway: Halfway
    ranker: Ranker
    models: Mapping[str, ModelUse]
    leftovers: dict[str, Raw] = field(default_factory=dict)
    scores_ahead: int = 0
    _next: tuple[int, Request] | None = None
    _exhausted: bool = False
    _to_score: deque[ScoreItem] = field(default_factory=deque)
    _again: deque[GenerateItem] = field(default_factory=deque)
    _score_again: deque[tuple[ScoreItem, ...]] = field(default_factory=deque)
    _generation: Attempts = field(default_factory=partial(Attempts, "generation"))
    _scoring: Attempts = field(default_factory=partial(Attempts, "scoring"))
    _made: dict[str, Made] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)
    _used: list[str] = field(default_factory=list)
    _results: list[Scored] = field(default_factory=list)
    _ranked: list[Scored] = field(default_factory=list)
    _leased: deque[tuple[GenerateItem, bool]] = field(default_factory=deque)
    _closed: deque[Closed] = field(default_factory=deque)
    _settled: deque[str] = field(default_factory=deque)
    _deliveries: dict[Future[list[tuple[str, str]]], Closed] = field(default_factory=dict)
    _drops: deque[Future[None]] = field(default_factory=deque)
    _begun: int = -1

    def go(self) -> None:
        """Work until every request is closed and delivered."""
        settings = self.job.settings
        fitting = AHEAD_BYTES // (3 * settings.width * settings.height)
        self.scores_ahead = self.scores_ahead or max(4 * max(self.job.batch, SCORE_BATCH), fitting)
        self._begun = self.ledger.last_begun()
        while True:
            self._write()
            self._act()
            if self._exhausted and not (self.scheduler.open or self._deliveries or self._drops):
                return
            with span("wait"):
                results = self.engine.wait((self.generating, self.scoring), WAIT)
            for pool, result in results:
                if pool is self.generating:
                    self._on_generated(result)
                else:
                    self._on_scored(result)
            self.display.refresh()

    def _write(self) -> None:
        """Record all that there is to record, as one transaction, before anything follows of it."""
        if self._exhausted and not self.scheduler.open:
            wait(self._deliveries)
            wait(self._drops)
        self._take_dropped()
        delivered = [f for f in self._deliveries if f.done()]
        with (
            span("ledger"),
            self.ledger.together(synced=bool(self._results or delivered)),
        ):
            self._record_results()
            self._record_ranks()
            self._record_deliveries(delivered)
            self._admit()
            self._lease()

    def _act(self) -> None:
        """Hand out the work that is recorded."""
        while self._leased:
            item, suspected = self._leased.popleft()
            self.generating.submit(item, alone=suspected)
        self._feed_scorer()
        while self._closed:
            self._deliver(self._closed.popleft())
        while self._drops and self._drops[0].done():
            self._drops.popleft().result()
        if self._used:
            used, self._used = self._used, []
            self._drops.append(self.deliverer.submit(remove, used))
        while self._settled:
            rejects = list(self.ledger.disposable_images(self._settled.popleft()))
            if rejects:
                self._drops.append(self.deliverer.submit(drop, self.run, rejects))

    def _admit(self) -> None:
        while not self._exhausted:
            self._next = self._next or next(self.source, None)
            if self._next is None:
                self._exhausted = True
                return
            position, request = self._next
            if not self.scheduler.may_admit(position):
                return
            self._next = None
            self._places[request.id] = self.surveyor.place(position)
            rounds = self.ledger.rounds_of(request.id) if position <= self._begun else []
            self.halfway.opened(request, position, self._looked_at(rounds))
            rounds = self.ranker.resumed(request, rounds)
            self._note(self.scheduler.admit(request, position, rounds))

    def _looked_at(
        self, rounds: Sequence[tuple[Round, list[Candidate]]]
    ) -> Iterator[tuple[str, Measurement | None]]:
        """Candidates that an earlier process judged, with how they looked half way."""
        for candidate in (j.candidate for done, _ in rounds for j in done.judged):
            measured = {m.dimension: m for m in self.ledger.measurements_of(candidate.id)}
            yield candidate.id, measured.get(PREVIEW)

    def _lease(self) -> None:
        """Take what the generator has room for."""
        room = self.generating.free
        while len(self._leased) < room and self._raw_waiting < self.scores_ahead:
            suspected = bool(self._again)
            item = self._again.popleft() if suspected else self._new_batch()
            if item is None:
                return
            if not item.latents:
                self.ledger.lease([c.id for c in item.candidates])
            self._leased.append((item, suspected))

    def _new_batch(self) -> GenerateItem | None:
        """A full batch, or a part of one when nothing under way could fill it."""
        survivors = self.halfway.take(partial=False)
        if survivors is not None:
            return survivors
        while batch := self.scheduler.take(self.job.batch, partial=self._idle):
            missing = tuple(c for c in batch if not self._is_left_over(c))
            if missing:
                halt = self.halfway.step(missing)
                return GenerateItem(candidates=missing, shape=self.job.batch, halt=halt)
        return self.halfway.take(partial=self._idle)

    def _is_left_over(self, candidate: Candidate) -> bool:
        """Whether an earlier process made it; then it is on its way to a scorer."""
        raw = self.leftovers.pop(candidate.id, None)
        if raw is None:
            return False
        self.ledger.lease([candidate.id])
        self._made[candidate.id] = Made(
            seconds=raw.seconds, shape_planned=raw.shape_planned, shape_actual=raw.shape_actual
        )
        self._await_score(candidate, raw.path)
        return True

    def _await_score(self, candidate: Candidate, path: str) -> None:
        request = self.scheduler.request_of(candidate)
        place = self._places[request.id]
        self._to_score.append(self.surveyor.item(candidate, request, path, place))

    @property
    def _idle(self) -> bool:
        return not (self._generating or self.scoring.pending or self._to_score)

    @property
    def _generating(self) -> int:
        return self.generating.pending + len(self._leased)

    @property
    def _raw_waiting(self) -> int:
        return len(self._to_score) + self._generating * self.job.batch

    def _feed_scorer(self) -> None:
        while self.scoring.free and (self._score_again or self._to_score):
            if self._score_again:
                self.scoring.submit(self._score_again.popleft(), alone=True)
                continue
            size = min(SCORE_BATCH, len(self._to_score))
            self.scoring.submit(tuple(self._to_score.popleft() for _ in range(size)))

    def _on_generated(self, result: Done | Failed) -> None:
        item: GenerateItem = result.item
        if isinstance(result, Failed):
            self._generation_failed(item, result)
            return
        if isinstance(result.value, HalfwayFiles):
            self._on_halted(item, result.value)
            return
        for latents in item.latents:
            Path(latents).unlink(missing_ok=True)
        made: GeneratedFiles = result.value
        for candidate, path in zip(item.candidates, made.paths, strict=True):
            self._made[candidate.id] = Made(
                seconds=made.seconds / len(item.candidates) + self.halfway.spent(candidate),
                shape_planned=item.shape,
                shape_actual=made.shape,
            )
            if isinstance(path, GenerationError):
                self._results.append(self._generation.outage(candidate, str(path)))
                continue
            self._await_score(candidate, path)

    def _on_halted(self, item: GenerateItem, files: HalfwayFiles) -> None:
        for place, (candidate, preview) in enumerate(
            zip(item.candidates, files.previews, strict=True)
        ):
            if isinstance(preview, GenerationError):
                self._results.append(self._generation.outage(candidate, str(preview)))
                continue
            path = self.halfway.arrived(item, files, candidate, place)
            if path:
                request = self.scheduler.request_of(candidate)
                self._to_score.append(
                    ScoreItem(
                        candidate=candidate,
                        request=request,
                        path=path,
                        in_full=True,
                        ranked=True,
                        only=self.halfway.telling(request.id),
                    )
                )

    def _generation_failed(self, item: GenerateItem, failed: Failed) -> None:
        outage = self._generation.failed(failed, item.candidates)
        if outage is not None:
            self._results.append(outage)
            return
        self._again.extend(
            GenerateItem(
                candidates=(candidate,),
                shape=item.shape,
                halt=item.halt,
                latents=item.latents[place : place + 1],
            )
            for place, candidate in enumerate(item.candidates)
        )

    def _on_scored(self, result: Done | Failed) -> None:
        items: tuple[ScoreItem, ...] = result.item
        raw = [item.path for item in items if not self.ranker.asked(item)]
        if isinstance(result, Done):
            self._take_in(items, result.value)
        else:
            outage = self._scoring.failed(result, [i.candidate for i in items])
            if outage is None:
                self._score_again.extend((item,) for item in items)
                return
            if self.ranker.asked(items[0]):
                self._ranked.append(self.ranker.outage(items[0], outage))
            elif self.halfway.is_preview(items[0]):
                self.halfway.unseen(items[0].candidate)
            else:
                self._results.append(outage)
        self._used.extend(raw)

    def _take_in(self, items: Sequence[ScoreItem], scored: Sequence[Scored]) -> None:
        for item, one in zip(items, scored, strict=True):
            if self.ranker.asked(item):
                self._ranked.append(self.ranker.whole(item, one))
                continue
            if not self.halfway.is_preview(item):
                self._results.append(self.halfway.finished(one, item.request))
                continue
            self.halfway.seen(one)

    def _take_dropped(self) -> None:
        """The results of candidates that are dropped half way, now that it is known which."""
        for result in self._results:
            self.halfway.forget(result.candidate)
        for result, seconds in self.halfway.dropped():
            self._made[result.candidate.id] = Made(
                seconds=seconds, shape_planned=self.job.batch, shape_actual=self.job.batch
            )
            self._results.append(result)

    def _record_results(self) -> None:
        if not self._results:
            return
        scored, self._results = self._results, []
        records = [(s, self._made.pop(s.candidate.id, None)) for s in scored]
        self.ledger.record_scores(records, self.rubric.hash)
        self.tally.cost += self.job.cost_of(
            sum(s.seconds + (made.seconds if made else 0) for s, made in records)
        )
        for one in scored:
            self.surveyor.judged(one)
            self.tally.judge(one.verdict, one.candidate.round)
            self._note(self.scheduler.judged(one.judged))

    def _record_ranks(self) -> None:
        ranked, self._ranked = self._ranked, []
        if ranked:
            self.ledger.record_ranks(ranked)
            self.tally.cost += self.job.cost_of(sum(one.seconds for one in ranked))
        for one in ranked:
            self._note(self.scheduler.ranked(one.judged))

    def _record_deliveries(self, done: Sequence[Future[list[tuple[str, str]]]]) -> None:
        for future in done:
            request = self._deliveries.pop(future).request
            try:
                files = future.result()
            except OSError as error:
                raise RunError(f"request {request.id!r} could not be delivered: {error}") from error
            self.ledger.record_delivery(request.id, files)
            self.tally.closed += 1
            self.tally.delivered += len(files)
            self.tally.filled += len(files) >= request.deliver
            if self.job.keep_days == 0:
                self._settled.append(request.id)

    def _note(self, event: Planned | Closed | Ranking | None) -> None:
        """Record a decision of the scheduler."""
        if isinstance(event, Planned):
            self.ledger.plan_round(event.request.id, event.round, event.candidates)
        elif isinstance(event, Ranking):
            self._to_score.extendleft(self.ranker.items(event))
        elif isinstance(event, Closed):
            del self._places[event.request.id]
            self.halfway.closed(event.request.id)
            self.ledger.close_request(
                event.request.id,
                outcome=outcome_of(event),
                reason="" if event.stop.kind == "enough" else event.stop.reason,
                selection=event.selection,
            )
            self._closed.append(event)

    def _deliver(self, closed: Closed) -> None:
        by_id = {j.candidate.id: j for j in closed.judged}
        winners = [
            Winner(judged=by_id[i], measurements=self.ledger.measurements_of(i))
            for i in closed.selection.delivered
        ]
        future = self.deliverer.submit(
            copy_context().run,
            _deliver,
            self.run.path,
            closed.request,
            winners,
            rubric_hash=self.rubric.hash,
            models=self.models,
        )
        self._deliveries[future] = closed


def _deliver(*arguments: Any, **named: Any) -> list[tuple[str, str]]:
    with span("deliver"):
        return deliver(*arguments, **named)


def outcome_of(closed: Closed) -> RequestOutcome:
    """Delivered in full, short, or in error: short because too much could not be judged."""
    missing = closed.request.deliver - len(closed.selection.delivered)
    if missing <= 0:
        return RequestOutcome.DELIVERED
    outages = sum(j.verdict.outcome is Outcome.ERROR for j in closed.judged)
    return RequestOutcome.ERROR if outages >= missing else RequestOutcome.SHORT
