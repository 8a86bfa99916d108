"""``run``: from a job to a finished run directory, resuming by itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from sentinelqa import registry
from sentinelqa.cascade import costs_alone, only_ranking
from sentinelqa.contest import Contests
from sentinelqa.engines.base import Engine, Stage, StageSpec
from sentinelqa.generators.raw import Raw, take_over
from sentinelqa.generators.stage import make_generate_stage
from sentinelqa.job import Job
from sentinelqa.ledger import Ledger
from sentinelqa.pipeline.facts import component_versions, write_facts, write_pooling
from sentinelqa.pipeline.finish import finish
from sentinelqa.pipeline.halfway import Halfway, entrant_of, sighting_of
from sentinelqa.pipeline.interrupt import interruptible
from sentinelqa.pipeline.loop import Loop
from sentinelqa.pipeline.prepare import Plan, prepare
from sentinelqa.pipeline.ranking import Ranker
from sentinelqa.pipeline.retention import drop_old
from sentinelqa.pipeline.surveying import Surveyor
from sentinelqa.pooling import Pooling
from sentinelqa.progress import Tally, display_for
from sentinelqa.results import Run
from sentinelqa.retry import RetryPolicy
from sentinelqa.rubric.model import Rubric
from sentinelqa.rundir import RunDir, fingerprint, fresh, log_to, refuse_other_job, write_inputs
from sentinelqa.scheduling import COHORT, Scheduler, filling
from sentinelqa.scorer import ScorePlan, make_score_stage
from sentinelqa.screening import Screener
from sentinelqa.sources.requests import read_requests
from sentinelqa.tracing import Tracer, combine, make_traced

log = logging.getLogger(__name__)

GENERATE_DEADLINE = 900.0
SCORE_DEADLINE = 300.0
"""Seconds without a sign of progress after which a worker is taken for hung."""


def run(
    job: Job,
    *,
    out: str | Path | None = None,
    fresh_start: bool = False,
    engine: str = "local",
    full: bool = False,
    quiet: bool = True,
    trace: Path | None = None,
) -> Run:
    """Run a job, or go on with the run of it that lies in ``out``.

    Args:
        out: the run directory; ``runs/<name of the job>`` by default.
        fresh_start: start over in a new directory beside ``out``.
        engine: the name of a registered engine.
        full: score every dimension, also of what has failed already.
        quiet: show no progress.
        trace: a file for a Chrome trace of what ran when.

    Raises:
        UsageError: something that can be mended; nothing was started.
        KeyboardInterrupt: the run was interrupted; the same call goes on with it.
    """
    plan = prepare(job)
    path = Path(out) if out is not None else Path("runs") / job.name
    where = RunDir(fresh(path) if fresh_start else path)
    identity = _identity(job, plan)
    if where.exists and Ledger.fingerprint_of(where.ledger) != identity:
        raise refuse_other_job(where, job.resolved, plan.rubric.resolved)
    where.prepare()
    with ExitStack() as stack:
        stack.enter_context(log_to(where.log))
        for warning in plan.warnings:
            log.warning(warning)
        ledger = stack.enter_context(_ledger(where, identity, job, plan))
        if not ledger.finished:
            left = take_over(where.scratch, keep=job.screening is None)
            with _tracing(trace, where) as folder:
                _work(
                    job,
                    plan,
                    where,
                    ledger,
                    left,
                    engine=engine,
                    full=full,
                    quiet=quiet,
                    trace=folder,
                )
            if job.keep_days == 0 and ledger.resumed:
                drop_old(where, ledger, 0)
        if job.keep_days:
            drop_old(where, ledger, job.keep_days)
        finish(where, plan.dimensions, job.cost_of)
    return Run(where.path)


def _identity(job: Job, plan: Plan) -> str:
    """Of everything that decides what the run makes and delivers."""
    return fingerprint(
        job=job.fingerprint,
        rubric=plan.rubric.hash,
        components=component_versions(plan.dimensions, plan.features),
        models={m.id: m.sha256 for m in plan.models},
    )


def _ledger(where: RunDir, identity: str, job: Job, plan: Plan) -> Ledger:
    if where.exists:
        return Ledger.open(where.ledger)
    write_inputs(where, job.resolved, plan.rubric.resolved)
    write_facts(
        where,
        name=job.name,
        generators=plan.generators.values(),
        scorers=plan.scorers,
        rubric_hash=plan.rubric.hash,
        licences=job.licences,
        currency=job.currency,
        components=component_versions(plan.dimensions, plan.features),
        warnings=plan.warnings,
    )
    ledger = Ledger.create(where.ledger, fingerprint=identity)
    ledger.add_requests(read_requests(job.requests, job.defaults))
    return ledger


def _work(
    job: Job,
    plan: Plan,
    where: RunDir,
    ledger: Ledger,
    left: dict[str, Raw],
    *,
    engine: str,
    full: bool,
    quiet: bool,
    trace: str,
) -> None:
    with ExitStack() as stack:
        loop = _loop(
            job, plan, where, ledger, stack, engine=engine, full=full, quiet=quiet, trace=trace
        )
        loop.leftovers.update(left)
        loop.go()
        write_pooling(where, loop.scheduler.pooling.grouping())
    ledger.finish()


def _loop(
    job: Job,
    plan: Plan,
    where: RunDir,
    ledger: Ledger,
    stack: ExitStack,
    *,
    engine: str,
    full: bool,
    quiet: bool,
    trace: str,
) -> Loop:
    tally = Tally(name=job.name, requests=plan.requests, currency=job.currency)
    ledger.restore(tally)
    display = stack.enter_context(display_for(tally, quiet=quiet))
    stack.enter_context(interruptible())
    running: Engine = stack.enter_context(registry.engines.load(engine)())
    always = steering(job.retry, plan.rubric)
    scoring_plan = ScorePlan(
        rubric=plan.rubric,
        run_dir=str(where.path),
        full=full,
        always=always,
        put_off=frozenset()
        if full or (job.screening and job.retry.best_of)  # a contest follows from whole ranks
        else only_ranking(
            plan.rubric,
            plan.dimensions,
            plan.features,
            megapixels=job.settings.width * job.settings.height / 1e6,
            always=always,
        ),
    )
    return Loop(
        job=job,
        rubric=plan.rubric,
        run=where,
        ledger=ledger,
        scheduler=Scheduler(
            settings=job.settings,
            policy=filling(job.retry, job.batch, plan.requests),
            seed=job.seed,
            min_distance=plan.rubric.min_distance,
            pooling=Pooling(COHORT, ledger.first_rounds(), ledger.first_open()),
        ),
        engine=running,
        generating=running.pool(
            StageSpec(
                name="generate",
                make=_traced(
                    partial(make_generate_stage, job, str(where.scratch), plan.least),
                    trace,
                    "generate",
                ),
                deadline=GENERATE_DEADLINE,
            )
        ),
        scoring=running.pool(
            StageSpec(
                name="score",
                make=_traced(partial(make_score_stage, scoring_plan), trace, "score"),
                workers=scoring_workers(),
                deadline=SCORE_DEADLINE,
            )
        ),
        tally=tally,
        display=display,
        source=ledger.open_requests(),
        surveyor=Surveyor(COHORT, ledger.judged_first(), learning=not full),
        deliverer=stack.enter_context(ThreadPoolExecutor(2, "deliver")),
        halfway=Halfway(_screener(job, plan, ledger), job.batch, together=job.retry.best_of),
        ranker=Ranker(plan.rubric, where.path, ledger),
        models=plan.generators,
    )


@contextmanager
def _tracing(trace: Path | None, where: RunDir) -> Iterator[str]:
    """Where processes leave their spans, empty when no trace is taken; one file at the end."""
    if trace is None:
        yield ""
        return
    folder = where.scratch / "trace"
    folder.mkdir(parents=True)
    try:
        with Tracer(folder, "run").active():
            yield str(folder)
    finally:
        combine(folder, trace)


def _traced(make: Callable[[], Stage], trace: str, name: str) -> Callable[[], Stage]:
    return partial(make_traced, make, trace, name) if trace else make


def _screener(job: Job, plan: Plan, ledger: Ledger) -> Screener | Contests | None:
    """Learns from what earlier processes of the run saw half way; ``None`` when not asked for."""
    if job.screening is None:
        return None
    megapixels = job.settings.width * job.settings.height / 1e6
    costs = costs_alone(plan.dimensions, plan.features, megapixels=megapixels)
    recorded = ledger.previews_of_first_rounds()
    if job.retry.best_of:
        whole = (
            (position, index, wanted, entrant)
            for position, index, wanted, preview, verdict in recorded
            if (entrant := entrant_of(preview, verdict)) is not None
        )
        return Contests(job.screening, COHORT, whole, costs)
    history = (
        (position, index, sighting)
        for position, index, _, preview, verdict in recorded
        if (sighting := sighting_of(preview, verdict)) is not None
    )
    return Screener(job.screening, COHORT, history, costs)


def steering(policy: RetryPolicy, rubric: Rubric) -> frozenset[str]:
    """The measurements that adjustments between rounds ask for; they are made of every candidate,
    so that the next round does not hang on what else a reject was measured for."""
    named = {name for adjustment in policy.adjustments for name in adjustment.fails}
    judged = {s for c in rubric.checks if c.name in named for s in c.sources}
    return frozenset(judged | named.intersection(rubric.dimensions))


def scoring_workers(*, alone: bool = False) -> int:
    """Half the cores, at most eight: the others prepare and encode for the generator.

    Args:
        alone: nothing is generated, so scoring has every core; at most sixteen.
    """
    cores = len(os.sched_getaffinity(0))
    return min(16, cores) if alone else max(1, min(8, cores // 2))
