"""Early rejection: denoising per delivered image with the rule over without it. Replayed on traces
whose agreement between half way and the end is that of published rewards, and taken once on the
starter models. See ``benchmarks/halfway.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import halfway
from benchmarks.base import Bench, Row, at_most
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


def measure(bench: Bench) -> list[Row]:
    """Replays with K = 4 of at most 32, a quarter passing."""
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
                goal=at_most(goal),
                reached=found.denoising,
                limit=AT,
                detail=f"replayed, Spearman {agreement} after step {round(AT * STEPS)} of {STEPS}, "
                f"a quarter passing; {found.images:.3f} of the images delivered, their quality "
                f"{found.quality:+.2f} standard deviations; {found.dropped} dropped, "
                f"{found.lost:.1%} of the good ones among them (promised: 5 %); the pilot and the "
                "audit are paid for",
                gap="what looks alike half way, the pilot, and requests with few failures",
            )
        )
    return [*rows, starter(bench)]


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
