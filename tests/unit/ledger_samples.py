"""Small values that the ledger's tests record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sentinelqa.ledger import Ledger, Made
from sentinelqa.retry import Recipe, Round
from sentinelqa.types import (
    Candidate,
    Check,
    Measurement,
    ModelUse,
    Outcome,
    Request,
    RequestOutcome,
    Selection,
    Settings,
    StoredImage,
    Unscored,
    Verdict,
    candidate_id,
    candidate_seed,
)

SETTINGS = Settings(model="fake", width=32, height=24)
MADE = Made(seconds=0.5, shape_planned=4, shape_actual=2)
RUBRIC = "r" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a scorer hands back, as the ledger takes it."""

    candidate: Candidate
    measurements: tuple[Measurement, ...]
    verdict: Verdict
    image: StoredImage | None
    phash: int | None
    seconds: float


def request(number: int, deliver: int = 1) -> Request:
    return Request(
        id=f"sku-{number}",
        prompt=f"a shoe, number {number}",
        deliver=deliver,
        references=("a.png",),
        metadata={"colour": "rot", "price": 3.5},
        overrides={"steps": 4},
        where=f"catalog.csv:{number + 2}",
    )


def planned(of: Request, number: int = 1, count: int = 2, start: int = 0) -> Round:
    recipe = Recipe(settings=SETTINGS, prompt=of.prompt, negative_prompt="blur")
    return Round(number=number, recipe=recipe, count=count, why="first round")


def candidates(of: Request, number: int = 1, count: int = 2, start: int = 0) -> list[Candidate]:
    return [
        Candidate(
            id=candidate_id(of.id, index),
            request_id=of.id,
            index=index,
            round=number,
            seed=candidate_seed(7, of.id, index),
            prompt=of.prompt,
            negative_prompt="blur",
            settings=SETTINGS,
        )
        for index in range(start, start + count)
    ]


def result(candidate: Candidate, outcome: Outcome = Outcome.PASS) -> Result:
    failed = outcome is Outcome.FAIL
    sha = (candidate.id * 4)[:64]
    return Result(
        candidate=candidate,
        measurements=(
            Measurement(
                dimension="sharpness",
                score=0.125 if failed else 0.875,
                metrics={"edge": 0.1 + 0.2, "count": 3, "ok": True, "word": "größer"},
                uncertain=True,
                models=(ModelUse(id="clip", sha256="ab", licence="MIT"),),
            ),
            Measurement.without_score("text", Unscored.MODEL_MISSING, "no weights"),
        ),
        verdict=Verdict(
            outcome=outcome,
            checks=(
                Check(
                    name="sharpness",
                    tier="generic",
                    outcome=outcome,
                    reason="too soft" if failed else "",
                    value=0.125 if failed else 0.875,
                    bound=0.45,
                ),
                Check(name="text", tier="use_case", outcome=None),
            ),
            rank=0.625,
            warnings=("close",),
        ),
        image=StoredImage(sha256=sha, path=f"images/{sha}.png", width=32, height=24, size=99),
        phash=(1 << 63) + candidate.index,
        seconds=0.25,
    )


def new_ledger(folder: Path, requests: Iterable[Request]) -> Ledger:
    ledger = Ledger.create(folder / "ledger.sqlite", fingerprint="f" * 64)
    ledger.add_requests(requests)
    return ledger


def judge(ledger: Ledger, these: list[Candidate], outcome: Outcome = Outcome.PASS) -> None:
    ledger.lease([c.id for c in these])
    ledger.record_scores([(result(c, outcome), MADE) for c in these], RUBRIC)


def deliver(ledger: Ledger, of: Request, winners: list[Candidate]) -> None:
    selection = Selection(delivered=tuple(c.id for c in winners))
    ledger.close_request(of.id, outcome=RequestOutcome.DELIVERED, reason="", selection=selection)
    ledger.record_delivery(of.id, [(c.id, "d" * 64) for c in winners])
