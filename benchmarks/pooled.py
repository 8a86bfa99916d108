"""Scoring stages on the engine's workers, timed once every worker has loaded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from sentinelqa.engines.base import Done, StageSpec
from sentinelqa.engines.local import LocalEngine, LocalPool
from sentinelqa.scorer import Scored, ScoreItem, ScorePlan, make_score_stage

Batch = tuple[ScoreItem, ...]


def in_batches(items: Sequence[ScoreItem], size: int) -> list[Batch]:
    """``items`` in order, ``size`` together."""
    return [tuple(items[n : n + size]) for n in range(0, len(items), size)]


def pooled(plan: ScorePlan, batches: Sequence[Batch], workers: int) -> tuple[float, list[Scored]]:
    """Seconds from the first batch to the last result, and what was found.

    Each worker scores the first batch beforehand, so that imports and models are no part of it.
    """
    with LocalEngine() as engine:
        spec = StageSpec(name="score", make=partial(make_score_stage, plan), workers=workers)
        pool = engine.pool(spec)
        _work(engine, pool, [batches[0]] * 2 * workers)
        start = time.perf_counter()
        found = _work(engine, pool, batches)
        return time.perf_counter() - start, found


def _work(engine: LocalEngine, pool: LocalPool, batches: Sequence[Batch]) -> list[Scored]:
    waiting, found = list(batches), []
    while waiting or pool.pending:
        while waiting and pool.free:
            pool.submit(waiting.pop(0))
        for _, result in engine.wait([pool]):
            if not isinstance(result, Done):
                raise RuntimeError(str(result))
            found += result.value
    return found
