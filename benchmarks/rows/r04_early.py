"""Early rejection: denoising with the rule over without it. Replayed on traces whose agreement
between half way and the end is that of published rewards, and taken once on the starter models.

The goals are those of the best 4 of 16, where it is known what selecting gains and how much of that
is kept: once where every candidate passes and only ranks tell them apart, once where a quarter
passes. Beside them, without a goal, stands the other promise a job can ask for, the first 4 that
pass of at most 32: there a request stops when it has enough, so that early rejection has less left
to save, and what is counted is the denoising for an image that was delivered. See
``benchmarks/contests.py`` and ``benchmarks/halfway.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import contests, halfway
from benchmarks.base import Bench, Row, at_least, at_most
from sentinelqa.errors import GenerationError
from sentinelqa.generators.base import Image
from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.images import encode_fast
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage
from sentinelqa.types import Candidate, Request, Settings, candidate_seed

AT, STEPS = 0.4, 20
SCORERS = (("ready-made scores", 0.65, 0.80), ("a trained probe", 0.80, 0.65))
"""Name, Spearman's correlation after 8 of 20 steps within a request, goal."""


PASSING = (("a quarter passing", 0.25), ("all passing", 1.0))
REPLAYED = f"after step {round(AT * STEPS)} of {STEPS}"


def measure(bench: Bench) -> list[Row]:
    """Replays with K = 4, of 16 or of at most 32."""
    return [*best_of(bench), *first_that_pass(bench), starter(bench)]


def best_of(bench: Bench) -> list[Row]:
    """The best 4 of 16: denoising, and the least that is kept."""
    rows, kept = [], []
    requests, seeds = bench.pick(full=300, quick=80), bench.pick(full=4, quick=1)
    for name, agreement, goal in SCORERS:
        for which, passing in PASSING:
            found = contests.compare(
                passing=passing, agreement=agreement, at=AT, requests=requests, seeds=seeds
            )
            kept += [found.gain, found.images]
            rows.append(
                Row(
                    number=4,
                    name=f"denoising, best 4 of 16, {which}, {name}",
                    goal=at_most(goal),
                    reached=found.denoising,
                    limit=AT + (1 - AT) * contests.WANTED / contests.MADE,
                    detail=f"replayed {seeds} times with {requests} requests, Spearman "
                    f"{agreement} {REPLAYED}; {found.gain:.1%} of what choosing the best gains is "
                    f"kept, {found.images:.1%} of the images (promised on average: 95 % of each); "
                    f"{found.audited:.1%} of what audited requests deliver was to be dropped; "
                    f"the pilot and the audit are paid for, {found.later:.3f} without the pilot",
                    gap="what looks alike half way, the pilot of 32 requests and the audit; where "
                    "few pass the limit is lower",
                )
            )
    least = Row(
        number=4,
        name="gain and images kept, best 4 of 16, the least of all",
        goal=at_least(0.95),
        reached=min(kept),
        limit=1.0,
        detail="of the four cases above, the mean over their replays",
        gap="the job's own choice: `lose: 0.05`",
    )
    return [*rows, least]


def first_that_pass(bench: Bench) -> list[Row]:
    """The first 4 that pass of at most 32, a quarter passing."""
    rows = []
    for name, agreement, goal in SCORERS:
        found = halfway.compare(
            passing=0.25,
            agreement=agreement,
            at=AT,
            requests=bench.pick(full=300, quick=80),
            seeds=bench.pick(full=2, quick=1),
        )
        rows.append(
            Row(
                number=4,
                name=f"denoising per image with early rejection, {name}",
                goal=None,
                reached=found.denoising,
                limit=AT,
                detail=f"the first 4 that pass; replayed, Spearman {agreement} {REPLAYED}, "
                f"a quarter passing; {found.images:.3f} of the images delivered, their quality "
                f"{found.quality:+.2f} standard deviations; {found.dropped} dropped, "
                f"{found.lost:.1%} of the good ones among them (promised: 5 %); the pilot and the "
                f"audit are paid for; the goal of {goal:.2f} belongs to the best of a fixed number "
                f"and would be {'met' if found.denoising <= goal else 'missed'} here",
                gap="what looks alike half way, the pilot, and requests with few failures",
            )
        )
    return rows


PROMPTS = ("a red car", "a blue teapot", "a green chair", "a yellow cup", "a black guitar", "a bus")
BATCH = 8
RUBRIC = "name: early\nversion: 1\ntiers: {generic: {prompt_alignment: {min: 0.0}}}\n"


@dataclass(frozen=True, slots=True)
class Halves:
    """Eight candidates of one prompt: scores half way and in the end, and the device's seconds."""

    early: NDArray[np.float64]
    final: NDArray[np.float64]
    scouting: float
    finishing: float


def starter(bench: Bench) -> Row:
    """How far the starter models' scores half way agree with those in the end."""
    settings = Settings(model="starter", steps=STEPS, guidance=3.0, width=128, height=128)
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()
    rubric = bench.scratch / "rubric.yaml"
    rubric.write_text(RUBRIC)
    scorer = ScoreStage(ScorePlan(rubric=load_rubric(str(rubric)), full=True))
    scorer.load()
    count = bench.pick(full=len(PROMPTS), quick=1)
    found = [_halves(bench.scratch, generator, scorer, settings, p) for p in PROMPTS[:count]]
    agreement = float(np.mean([_spearman(h.early, h.final) for h in found]))
    scouting = sum(h.scouting for h in found)
    whole = scouting + sum(h.finishing for h in found)
    return Row(
        number=4,
        name="agreement half way on the starter models",
        goal=None,
        reached=agreement,
        limit=1.0,
        unit="Spearman",
        detail=f"prompt alignment after step {round(AT * STEPS)} of {STEPS} within a prompt, "
        f"{count} prompts of {BATCH}; reaching it takes {scouting / whole:.2f} of the time, the "
        "decoder for the preview included",
        gap="a small model's pictures still change after this step",
    )


def _halves(
    folder: Path,
    generator: DiffusersGenerator,
    scorer: ScoreStage,
    settings: Settings,
    prompt: str,
) -> Halves:
    batch = [
        Candidate(
            id=f"{n:016x}",
            request_id=prompt,
            index=n,
            seed=candidate_seed(7, prompt, n),
            prompt=prompt,
            settings=settings,
        )
        for n in range(BATCH)
    ]
    step = round(AT * STEPS)
    halted = generator.scout(batch, BATCH, step)
    made = generator.finish(batch, BATCH, step, halted.latents)
    return Halves(
        _scores(folder, scorer, batch, halted.previews),
        _scores(folder, scorer, batch, made.images),
        halted.seconds,
        made.seconds,
    )


def _scores(
    folder: Path,
    scorer: ScoreStage,
    batch: Sequence[Candidate],
    images: Sequence[Image | GenerationError],
) -> NDArray[np.float64]:
    items = []
    for candidate, image in zip(batch, images, strict=True):
        if isinstance(image, GenerationError):
            raise image
        path = folder / f"{candidate.id}.png"
        path.write_bytes(encode_fast(image))
        request = Request(id=candidate.request_id, prompt=candidate.prompt)
        items.append(ScoreItem(candidate=candidate, request=request, path=str(path)))
    scores = [scored.measurements[0].score for scored in scorer.run(items)]
    return np.array([np.nan if score is None else score for score in scores])


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    ranks = [values.argsort().argsort() for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])
