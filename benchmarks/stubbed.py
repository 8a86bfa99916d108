"""What the supervising process of a run takes: memory and processor time, part by part.

    python -m benchmarks.stubbed --requests 100000 --candidates 1 FOLDER

Planning, ledger, deliveries, tables and report are those of any run. The two worker pools are
replaced by answers that cost nothing: every candidate refers to one of a few small pictures, and
one in four passes. Syncs are left out: they take the disk's time, and hold no memory. With
``--workers`` nothing is replaced: the generator without a model, a cheap scorer, and real messages.
Memory is that of the command line where Arrow's is (:mod:`sentinelqa.allocation`), as under
``sentinelqa bench``; otherwise set ``ARROW_DEFAULT_MEMORY_POOL=system``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import time
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from sentinelqa import images, registry
from sentinelqa.engines.base import Done, Failed, Pool, StageSpec
from sentinelqa.generators.fake import draw
from sentinelqa.generators.stage import GeneratedFiles, GenerateItem
from sentinelqa.job import load_job
from sentinelqa.pipeline import run as run_job
from sentinelqa.scorer import Scored, ScoreItem
from sentinelqa.types import (
    Candidate,
    Check,
    Measurement,
    Outcome,
    Settings,
    StoredImage,
    Verdict,
)

PICTURES = 64
SIDE = 32
RUBRIC = """\
name: stubbed
version: 1
tiers:
  generic:
    sharpness: {{min: {least}}}
on_unscored: review
rank: {{sharpness: 1}}
"""
JOB = """\
name: stubbed
requests: requests.csv
generator: {{model: fake, width: {side}, height: {side}}}
rubric: rubric.yaml
deliver: 1
candidates: {{best_of: {candidates}, batch: 16}}
seed: 1
"""


WATCHED = (
    ("sentinelqa.pipeline.run", "_ledger", "create"),
    ("sentinelqa.pipeline.run", "_work", "loop"),
    ("sentinelqa.pipeline.loop", "_deliver", "deliver"),
    ("sentinelqa.pipeline.finish", "_write_tables", "tables"),
    ("sentinelqa.report", "write_report", "report"),
)


class StubPool:
    """Answers when it is asked. See :class:`sentinelqa.engines.base.Pool`."""

    def __init__(self, name: str, answer: Callable[[Any], Any]) -> None:
        self.name = name
        self._answer = answer
        self._results: deque[Done] = deque()

    @property
    def free(self) -> int:
        return 2 - len(self._results)

    @property
    def pending(self) -> int:
        return len(self._results)

    def submit(self, item: Any, *, alone: bool = False) -> None:
        """Work it at once."""
        self._results.append(Done(item, self._answer(item)))

    def collect(self) -> list[Done]:
        """The answers there are."""
        found = list(self._results)
        self._results.clear()
        return found


class StubEngine:
    """See :class:`sentinelqa.engines.base.Engine`.

    Args:
        pictures: what every candidate's image is one of.
    """

    def __init__(self, pictures: Sequence[StoredImage]) -> None:
        self._pictures = pictures

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def pool(self, spec: StageSpec) -> StubPool:
        """By the name of the stage."""
        return StubPool(spec.name, self._generated if spec.name == "generate" else self._scored)

    def wait(
        self, pools: Sequence[Pool], timeout: float | None = None
    ) -> list[tuple[Pool, Done | Failed]]:
        """All answers."""
        return [(p, done) for p in pools if isinstance(p, StubPool) for done in p.collect()]

    def _generated(self, item: GenerateItem) -> GeneratedFiles:
        paths = tuple(f"{c.id}.npy" for c in item.candidates)
        return GeneratedFiles(paths=paths, seconds=0.1 * len(paths), shape=item.shape)

    def _scored(self, items: Sequence[ScoreItem]) -> list[Scored]:
        return [self._one(item.candidate) for item in items]

    def _one(self, candidate: Candidate) -> Scored:
        chance = zlib.crc32(candidate.id.encode())
        score = round(chance / 2**32, 4)
        outcome = Outcome.PASS if score >= 0.75 else Outcome.FAIL
        reason = "" if outcome is Outcome.PASS else f"sharpness {score} is below 0.75"
        check = Check(
            name="sharpness",
            tier="generic",
            outcome=outcome,
            reason=reason,
            value=score,
            bound=0.75,
        )
        return Scored(
            candidate=candidate,
            measurements=(Measurement(dimension="sharpness", score=score),),
            verdict=Verdict(outcome=outcome, checks=(check,), rank=score),
            image=self._pictures[chance % PICTURES],
            phash=None,
            seconds=0.01,
        )


def stubbed(
    folder: Path, requests: int, candidates: int, *, reported: bool, workers: bool = False
) -> dict[str, float]:
    """One run.

    Returns:
        ``<part>: <what>``. The parts are create, loop, deliver, tables and report; of each
        the seconds of wall time, of processor time of its own thread and of the whole process, and
        the largest resident memory by its end.
    """
    folder.mkdir(parents=True)
    with (folder / "requests.csv").open("w", encoding="utf-8") as file:
        file.write("id,prompt\n")
        file.writelines(f"r{n},disc {n}\n" for n in range(requests))
    least = 0.0 if workers else 0.75
    (folder / "rubric.yaml").write_text(RUBRIC.format(least=least), encoding="utf-8")
    job = JOB.format(side=SIDE, candidates=candidates)
    (folder / "job.yaml").write_text(job, encoding="utf-8")
    run = folder / "run"
    found: dict[str, float] = defaultdict(float)
    with ExitStack() as stack:
        if not workers:
            pictures = [_picture(run, seed) for seed in range(PICTURES)]
            engine = partial(StubEngine, pictures)
            stack.enter_context(patch.object(registry.engines, "load", lambda _: engine))
            stack.enter_context(patch.object(os, "fsync", lambda _: None))
        for module, name, part in WATCHED:
            owner = importlib.import_module(module)
            target = getattr(owner, name)
            if part == "report" and not reported:
                target = _nothing
            stack.enter_context(patch.object(owner, name, _watched(target, part, found)))
        run_job(load_job(folder / "job.yaml"), out=run)
    return dict(found)


def _nothing(*arguments: Any, **named: Any) -> None:
    pass


def _watched(target: Callable[..., Any], part: str, found: dict[str, float]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        wall, own, whole = time.perf_counter(), time.thread_time(), time.process_time()
        try:
            return target(*arguments, **named)
        finally:
            found[f"{part}: seconds"] += time.perf_counter() - wall
            found[f"{part}: own processor seconds"] += time.thread_time() - own
            found[f"{part}: processor seconds"] += time.process_time() - whole
            found[f"{part}: peak MB by its end"] = (
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            )

    return call


def _picture(run: Path, seed: int) -> StoredImage:
    run.mkdir(exist_ok=True)
    settings = Settings(model="fake", width=SIDE, height=SIDE)
    drawn = draw(Candidate(id="x", request_id="x", seed=seed, settings=settings))
    return images.store(run, images.encode_fast(drawn), width=SIDE, height=SIDE)


def main() -> None:
    """Print what one run took, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=1, help="per request")
    parser.add_argument("--no-report", action="store_true", help="stop after the tables")
    parser.add_argument("--workers", action="store_true", help="real workers and syncs")
    parser.add_argument("folder", type=Path, help="a folder that is not there yet")
    arguments = parser.parse_args()
    found = stubbed(
        arguments.folder,
        arguments.requests,
        arguments.candidates,
        reported=not arguments.no_report,
        workers=arguments.workers,
    )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
