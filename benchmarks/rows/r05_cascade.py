"""Early exit against full scoring of the same candidates, every decision and delivery compared.

Both sides are the scoring stage itself, in one process, on the same files, in turn; processor time
is taken, which other work on the machine changes little. The order of measuring is learnt as in a
run: from one candidate in sixteen, two cohorts of requests back.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import varied
from benchmarks.base import Bench, Row, at_most
from sentinelqa.images import encode_fast
from sentinelqa.pipeline.surveying import Surveyor
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.scheduling import COHORT
from sentinelqa.scorer import Scored, ScoreItem, ScorePlan, ScoreStage
from sentinelqa.selection import select
from sentinelqa.types import Candidate, Outcome, Request, candidate_id

EACH, WANTED = 16, 4
"""Candidates of a request, and how many of them it wants."""


def measure(bench: Bench) -> list[Row]:
    """The shipped rubric ``catalog`` on renders seen anew, of which a quarter passes."""
    rubric = load_rubric("catalog")
    full, early = (ScoreStage(ScorePlan(rubric=rubric, full=full)) for full in (True, False))
    full.load()
    early.load()
    found = compare(bench, rubric, (full.run, early.run), bench.pick(full=24, quick=2, long=640))
    passed = found.outcomes[Outcome.PASS] / found.candidates
    failed = found.outcomes[Outcome.FAIL] / found.candidates
    return [
        Row(
            number=5,
            name=f"cascade over full scoring, gates{', 10,000 candidates' * bench.long}",
            goal=at_most(0.6),
            reached=found.early / found.full,
            limit=1 - failed,
            detail=f"{found.candidates:,} candidates of 128 to 256 pixels, {found.requests} "
            f"requests, rubric catalog: {passed:.0%} pass, {failed:.0%} fail; 0 decisions and 0 "
            f"deliveries differ; {1e3 * found.early / found.candidates:.1f} over "
            f"{1e3 * found.full / found.candidates:.1f} ms of processor time a candidate.",
            gap="Decoding for everybody, the checks before the one that fails, and one candidate "
            "in sixteen measured in full to learn the order.",
        )
    ]


@dataclass(slots=True)
class Compared:
    """Processor seconds of both sides, what was decided, and how often the early side measured
    each dimension."""

    full: float = 0.0
    early: float = 0.0
    requests: int = 0
    candidates: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    measured: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)


Side = Callable[[Sequence[ScoreItem]], list[Scored]]
"""One way to score a request's candidates."""


def compare(bench: Bench, rubric: Rubric, sides: tuple[Side, Side], requests: int) -> Compared:
    """Score the candidates of ``requests`` both ways: in full, and as early as may be.

    Raises:
        RuntimeError: a decision or a delivery differs, so the figure is worthless.
    """
    catalog = varied.products(
        renders=bench.pick(full=4, quick=2, long=8), most=bench.pick(full=8, quick=2, long=28)
    )
    folder = bench.scratch / "candidates"
    folder.mkdir()
    for side in sides:  # what is built with the first batch counts for nobody
        side(list(items_of(catalog, 0, folder, Surveyor(COHORT)))[:4])
    found, surveyor = Compared(), Surveyor(COHORT)
    for position in range(requests):
        items = list(items_of(catalog, position, folder, surveyor))
        results, seconds = {}, {}
        for turn in (0, 1) if position % 2 else (1, 0):
            start = time.process_time()
            results[turn] = sides[turn](items)
            seconds[turn] = time.process_time() - start
        found.full += seconds[0]
        found.early += seconds[1]
        found.requests += 1
        note_differences(found, rubric, results[0], results[1])
        for scored in results[1]:
            surveyor.judged(scored)
            found.measured.update(m.dimension for m in scored.measurements)
    if found.differing:
        raise RuntimeError(f"{len(found.differing)} differ: {'; '.join(found.differing[:5])}")
    return found


def items_of(
    catalog: Sequence[varied.Product], position: int, folder: Path, surveyor: Surveyor
) -> Iterator[ScoreItem]:
    """The candidates of a request as files, which take the place of the last request's."""
    name = f"r{position:05d}"
    request = Request(id=name, prompt=catalog[position % len(catalog)].prompt, deliver=WANTED)
    place = surveyor.place(position)
    for index, rgb in enumerate(varied.candidates(catalog, position, EACH)):
        path = folder / f"{index:02d}.png"
        path.write_bytes(encode_fast(rgb))
        candidate = Candidate(
            id=candidate_id(name, index),
            request_id=name,
            index=index,
            round=1,
            prompt=request.prompt,
        )
        yield surveyor.item(candidate, request, str(path), place)


def note_differences(
    found: Compared, rubric: Rubric, full: Sequence[Scored], other: Sequence[Scored]
) -> None:
    """Count a request's outcomes; note candidates and deliveries that differ."""
    for one, two in zip(full, other, strict=True):
        found.candidates += 1
        found.outcomes[one.verdict.outcome] += 1
        if one.verdict.outcome is not two.verdict.outcome:
            found.differing.append(
                f"{one.candidate.id}: {one.verdict.outcome} {one.verdict.reasons}, "
                f"{two.verdict.outcome} {two.verdict.reasons}"
            )
    selected = [
        select([s.judged for s in side], WANTED, min_distance=rubric.min_distance)
        for side in (full, other)
    ]
    if selected[0] != selected[1]:
        found.differing.append(f"{full[0].candidate.request_id}: {selected[0]}, {selected[1]}")
