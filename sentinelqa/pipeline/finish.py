"""After the last delivery: tables and report, made from the ledger alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sentinelqa.dimensions.base import Dimension
from sentinelqa.errors import JobError
from sentinelqa.ledger import LedgerReader
from sentinelqa.ledger.reader import CandidateRecord
from sentinelqa.pipeline.early import write_early_rejection
from sentinelqa.retry import price_of
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rundir import RunDir
from sentinelqa.scorecache import CachePlan
from sentinelqa.scorer import dimensions_of
from sentinelqa.tables import (
    candidate_schema,
    measurement_columns,
    reasons_text,
    release,
    request_schema,
    write_tables,
)
from sentinelqa.types import Outcome


def finish(
    run: RunDir,
    dimensions: Sequence[Dimension],
    cost_of: Callable[[float], float],
    cache: CachePlan | None = None,
) -> None:
    """Write the tables and the report of a run, streamed from its ledger.

    Args:
        cache: where what the report shows of existing images is kept.
    """
    from sentinelqa.report import write_report

    _write_tables(run, dimensions, cost_of)
    release()
    write_report(run.path, cache=cache)
    shutil.rmtree(run.scratch, ignore_errors=True)


def rebuild_tables(path: Path) -> None:
    """Write the tables of a run again from its ledger, also while the run is going.

    Raises:
        JobError: there is no run at ``path``.
    """
    run = RunDir(path)
    if not run.exists:
        raise JobError(f"there is no run at {str(path)!r}")
    rubric = load_rubric(str(run.rubric), gate=False)
    job = yaml.safe_load(run.job.read_text(encoding="utf-8"))
    per_hour = (job.get("cost") or {}).get("per_hour")
    _write_tables(
        run,
        dimensions_of(rubric),
        lambda seconds: seconds if per_hour is None else seconds * per_hour / 3600,
    )


def _write_tables(
    run: RunDir, dimensions: Sequence[Dimension], cost_of: Callable[[float], float]
) -> None:
    ranking = frozenset(load_rubric(str(run.rubric), gate=False).rank)
    with LedgerReader.open(run.ledger) as reader:
        candidates = _rows(reader, cost_of, ranking)
        write_tables(run.table("candidates"), candidate_schema(dimensions), candidates)
        write_tables(run.table("requests"), request_schema(), _request_rows(reader, cost_of))
        write_early_rejection(run, reader)


def _rows(
    reader: LedgerReader, cost_of: Callable[[float], float], ranking: frozenset[str]
) -> Iterator[Mapping[str, Any]]:
    for record in reader.candidates():
        candidate, verdict, image = record.candidate, record.verdict, record.image
        settings = candidate.settings
        yield {
            "request_id": candidate.request_id,
            "candidate_id": candidate.id,
            "round": candidate.round,
            "seed": candidate.seed,
            "prompt": candidate.prompt,
            "model": settings.model if settings else "",
            "revision": settings.revision if settings else "",
            "sha256": image.sha256 if image else "",
            "path": candidate.path or (image.path if image else ""),
            "width": image.width if image else None,
            "height": image.height if image else None,
            "outcome": verdict.outcome.value if verdict else None,
            "reasons": reasons_text(verdict.reasons) if verdict else "",
            "failed": " ".join(verdict.failed) if verdict else "",
            "rank": verdict.rank if verdict and _is_ranked(record, ranking) else None,
            "delivered": record.place,
            "generate_seconds": record.generate_seconds,
            "score_seconds": record.score_seconds,
            "cost": cost_of((record.generate_seconds or 0) + (record.score_seconds or 0)),
            **measurement_columns(record.measurements),
        }


def _is_ranked(record: CandidateRecord, ranking: frozenset[str]) -> bool:
    """Whether its rank is whole; what failed or could not be judged has none that counts."""
    if record.verdict is None or record.verdict.outcome in (Outcome.FAIL, Outcome.ERROR):
        return True
    return ranking <= {m.dimension for m in record.measurements}


def _request_rows(
    reader: LedgerReader, cost_of: Callable[[float], float]
) -> Iterator[Mapping[str, Any]]:
    for record in reader.requests():
        cost = cost_of(record.seconds)
        unused, chance = price_of(record.reason) or (None, None)
        yield {
            "request_id": record.request.id,
            "prompt": record.request.prompt,
            "wanted": record.request.deliver,
            "delivered": record.delivered,
            "candidates": record.candidates,
            "rounds": record.rounds,
            "outcome": record.outcome.value if record.outcome else None,
            "shortfall_reasons": _shortfall(record.reason, record.failures),
            "unused": unused,
            "chance": chance,
            "cost": cost,
            "cost_per_delivered": cost / record.delivered if record.delivered else None,
        }


def _shortfall(reason: str, failures: Mapping[str, int]) -> str:
    """``stalled: ...; 11 failed sharpness``; empty when nothing is missing."""
    if not reason:
        return ""
    counts = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{count} failed {name}" for name, count in counts)
    return f"{reason}; {named}" if named else reason
