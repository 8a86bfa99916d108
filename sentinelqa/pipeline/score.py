"""``score``: the same pipeline without its first room, over images that exist already."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sentinelqa import registry
from sentinelqa.engines.base import Done, Engine, Failed, Pool, StageSpec
from sentinelqa.ledger import Ledger
from sentinelqa.pipeline.attempts import Attempts
from sentinelqa.pipeline.facts import component_versions, write_facts
from sentinelqa.pipeline.finish import finish
from sentinelqa.pipeline.interrupt import interruptible
from sentinelqa.pipeline.prepare import models_by_feature
from sentinelqa.pipeline.run import SCORE_DEADLINE, scoring_workers
from sentinelqa.pipeline.surveying import Surveyor
from sentinelqa.progress import Display, Tally, display_for
from sentinelqa.results import Run
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rundir import RunDir, fingerprint, fresh, log_to, refuse_other_job, write_inputs
from sentinelqa.scorecache import ScoreCache, plan_cache
from sentinelqa.scorer import (
    Scored,
    ScoreItem,
    ScorePlan,
    ScoreStage,
    dimensions_of,
    features_of,
    make_score_stage,
)
from sentinelqa.sources.image_table import ImageTable
from sentinelqa.sources.images import find_images, listing_digest
from sentinelqa.types import Candidate, ModelUse, Request
from sentinelqa.weights import LicencePolicy

log = logging.getLogger(__name__)

BATCH = 16
"""Images that a scorer takes at once."""
COHORT = 256
"""Images that are measured in the same order; see :mod:`sentinelqa.pipeline.surveying`."""


def score(
    paths: Sequence[str],
    *,
    rubric: str,
    requests: str | Path | None = None,
    prompt: str = "",
    out: str | Path | None = None,
    engine: str = "local",
    full: bool = False,
    quiet: bool = True,
    licences: str = "any",
    cache: bool = True,
) -> Run:
    """Score existing images. Each image is judged by itself, as one request with one candidate.

    Args:
        paths: images, folders, globs or fsspec URLs.
        rubric: a shipped rubric's name or a path.
        requests: a table whose column ``image`` names files (by name or by the end of their
            path) and whose other columns give ``id``, ``prompt``, ``references`` and metadata.
        prompt: of every image that has no other.
        out: the run directory, gone on with when it holds the same work; by default a new one
            under ``runs/``.
        cache: take what was measured of the same images before from the user's cache, and keep
            what is measured now; see ``docs/scoring.md``.

    Raises:
        UsageError: something that can be mended; nothing was started.
        KeyboardInterrupt: interrupted; the same call with the same ``out`` goes on.
    """
    loaded = load_rubric(rubric)
    dimensions = dimensions_of(loaded)
    features = features_of(loaded, dimensions)
    models = models_by_feature(loaded, features, LicencePolicy(licences))
    table = ImageTable(Path(requests)) if requests else None
    work = _Work(
        plan=ScorePlan(
            rubric=loaded,
            full=full,
            hashes=False,
            cache=plan_cache(dimensions, features, models) if cache else None,
        ),
        models=tuple(dict.fromkeys(m for used in models.values() for m in used)),
        components=component_versions(dimensions, features),
        inputs={
            "score": list(paths),
            "requests": table.digest if table else "",
            "prompt": prompt,
            "rubric": rubric,
            "licences": licences,
        },
        images=listing_digest(paths),
    )
    where = RunDir(Path(out) if out is not None else fresh(Path("runs") / f"score-{loaded.name}"))
    if where.exists and Ledger.fingerprint_of(where.ledger) != work.fingerprint:
        raise refuse_other_job(where, work.inputs, loaded.resolved)
    where.prepare()
    with ExitStack() as stack:
        stack.enter_context(log_to(where.log))
        ledger = stack.enter_context(
            Ledger.open(where.ledger) if where.exists else _create(where, work)
        )
        if not where.exists:
            images = _requests(find_images(paths), table, prompt)
            ledger.add_existing(_describing(images, where, work, table))
        if not ledger.finished:
            _score(work, ledger, stack, engine=engine, quiet=quiet)
        finish(where, dimensions, lambda seconds: seconds, work.plan.cache)
    return Run(where.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What a scoring run is made of."""

    plan: ScorePlan
    models: Sequence[ModelUse]
    components: dict[str, str]
    inputs: dict[str, Any]
    images: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(
            inputs=self.inputs,
            images=self.images,
            rubric=self.plan.rubric.hash,
            components=self.components,
            models={m.id: m.sha256 for m in self.models},
        )


def _create(where: RunDir, work: _Work) -> Ledger:
    write_inputs(where, work.inputs, work.plan.rubric.resolved)
    return Ledger.create(where.ledger, fingerprint=work.fingerprint)


def _describing(
    images: Iterator[tuple[Request, Candidate]],
    where: RunDir,
    work: _Work,
    table: ImageTable | None,
) -> Iterator[tuple[Request, Candidate]]:
    """The same images; after the last, before there is a ledger, how the run is made is written."""
    yield from images
    warnings = tuple(table.warnings()) if table else ()
    for warning in warnings:
        log.warning(warning)
    write_facts(
        where,
        name=work.plan.rubric.name,
        generators=(),
        scorers=work.models,
        rubric_hash=work.plan.rubric.hash,
        licences=work.inputs["licences"],
        currency="device-seconds",
        components=work.components,
        warnings=warnings,
    )


def _score(work: _Work, ledger: Ledger, stack: ExitStack, *, engine: str, quiet: bool) -> None:
    rubric = work.plan.rubric
    if work.plan.cache is not None:
        with closing(ScoreCache(work.plan.cache)) as cache:
            cache.trim()
    tally = Tally(name=rubric.name, requests=ledger.count_requests())
    ledger.restore(tally)
    display = stack.enter_context(display_for(tally, quiet=quiet))
    stack.enter_context(interruptible())
    running: Engine = stack.enter_context(registry.engines.load(engine)())
    spec = StageSpec(
        name="score",
        make=partial(make_score_stage, work.plan),
        workers=scoring_workers(alone=True),
        deadline=SCORE_DEADLINE,
    )
    surveyor = Surveyor(COHORT, ledger.judged_first(), learning=not work.plan.full)
    known = ScoreStage(work.plan) if work.plan.cache is not None else None
    _ScoreLoop(running, spec, known, ledger, surveyor, rubric.hash, tally, display).go()
    ledger.finish()


_Waiting = tuple[int, Candidate, Request]


class _ScoreLoop:
    """Feeds the scorers from the ledger and records what comes back.

    What the cache knows is answered here, before any worker is started, until it does not know one
    image of a batch; from then on the workers ask it.
    """

    def __init__(
        self,
        engine: Engine,
        spec: StageSpec,
        known: ScoreStage | None,
        ledger: Ledger,
        surveyor: Surveyor,
        rubric_hash: str,
        tally: Tally,
        display: Display,
    ) -> None:
        self._engine, self._spec, self._known, self._ledger = engine, spec, known, ledger
        self._surveyor = surveyor
        self._rubric_hash, self._tally, self._display = rubric_hash, tally, display
        self._pool: Pool | None = None
        self._again: list[tuple[ScoreItem, ...]] = []
        self._next: _Waiting | None = None
        self._attempts = Attempts("scoring")

    def go(self) -> None:
        """Score until nothing is left."""
        source = self._ledger.open_existing()
        while True:
            while self._pool is None or self._pool.free:
                suspected = bool(self._again)
                item = self._again.pop() if suspected else self._batch(source)
                if not item:
                    break
                self._ledger.lease([i.candidate.id for i in item])
                if left := item if suspected else self._unknown(item):
                    self._submit(left, suspected=suspected)
                self._display.refresh()
            if self._pool is None or not self._pool.pending:
                return
            for _, result in self._engine.wait([self._pool]):
                self._take(result)
            self._display.refresh()

    def _unknown(self, batch: tuple[ScoreItem, ...]) -> tuple[ScoreItem, ...]:
        """Record what the cache says of a batch; the images of which it says nothing."""
        if self._known is None:
            return batch
        answers = self._known.recall(batch)
        found = [answer for answer in answers if answer is not None]
        if found:
            self._record(found)
        else:
            self._known = None
        return tuple(i for i, answer in zip(batch, answers, strict=True) if answer is None)

    def _submit(self, item: tuple[ScoreItem, ...], *, suspected: bool) -> None:
        if self._pool is None:
            self._pool = self._engine.pool(self._spec)
        self._pool.submit(item, alone=suspected)

    def _batch(self, source: Iterator[_Waiting]) -> tuple[ScoreItem, ...]:
        """The next images of one cohort; none while that must not begin or when none are left."""
        batch: list[ScoreItem] = []
        while len(batch) < BATCH:
            self._next = self._next or next(source, None)
            if self._next is None:
                break
            position, candidate, request = self._next
            if not self._surveyor.may_begin(position):
                break
            place = self._surveyor.place(position)
            batch.append(self._surveyor.item(candidate, request, candidate.path, place))
            self._next = None
        return tuple(batch)

    def _take(self, result: Done | Failed) -> None:
        if isinstance(result, Done):
            self._record(result.value)
            return
        items: tuple[ScoreItem, ...] = result.item
        outage = self._attempts.failed(result, [i.candidate for i in items])
        if outage is None:
            self._again.extend((item,) for item in items)
        else:
            self._record([outage])

    def _record(self, scored: Sequence[Scored]) -> None:
        self._ledger.record_scores([(s, None) for s in scored], self._rubric_hash)
        for one in scored:
            self._surveyor.judged(one)
            self._tally.judge(one.verdict, 0)
        self._tally.closed += len(scored)


def _requests(
    images: Iterator[str], table: ImageTable | None, prompt: str
) -> Iterator[tuple[Request, Candidate]]:
    for path in images:
        row = table.find(path) if table else None
        values: Mapping[str, Any] = row.values if row else {}
        known = {"id", "image", "prompt", "references"}
        request = Request(
            id=str(values.get("id") or path),
            prompt=str(values.get("prompt") or prompt),
            references=table.references(row) if table and row else (),
            metadata={k: v for k, v in values.items() if k not in known and v is not None},
            where=row.where if row else path,
        )
        digest = hashlib.sha256(path.encode()).hexdigest()[:16]
        yield (
            request,
            Candidate(id=digest, request_id=request.id, prompt=request.prompt, path=path),
        )
