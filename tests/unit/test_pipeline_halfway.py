"""Candidates that compete half way: when they are decided, and what is left of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sentinelqa.contest import Contests
from sentinelqa.generators.stage import GenerateItem, HalfwayFiles
from sentinelqa.odds import Entrant
from sentinelqa.pipeline.halfway import Halfway, entrant_of
from sentinelqa.scorer import Scored
from sentinelqa.screening import PREVIEW, Screening
from sentinelqa.types import Candidate, Measurement, Outcome, Request, Settings, Verdict

MADE = 8
SETTINGS = Settings(model="fake", steps=20)
LATER = 32
"""The first position under a rule."""


def contests() -> Contests:
    """A pilot of one cohort, whose looks tell the end exactly."""
    rng = random.Random(3)
    found = Contests(Screening(at=0.4, lose=0.05), 16)
    for position in range(16):
        for index in range(MADE):
            score = rng.random()
            found.note(position, index, 2, Entrant({"sharpness": score}, score > 0.2, score))
    return found


def candidates(request: Request) -> list[Candidate]:
    return [
        Candidate(
            id=f"{request.id}-{n}", request_id=request.id, index=n, round=1, settings=SETTINGS
        )
        for n in range(MADE)
    ]


def arrive(halfway: Halfway, folder: Path, chosen: list[Candidate]) -> None:
    """A batch comes from the generator."""
    for candidate in chosen:
        (folder / f"{candidate.id}.npy").touch()
    files = HalfwayFiles(
        latents=tuple(str(folder / f"{c.id}.npy") for c in chosen),
        previews=("preview.png",) * len(chosen),
        seconds=8.0,
        shape=4,
    )
    item = GenerateItem(candidates=tuple(chosen), shape=4, halt=8)
    for place, candidate in enumerate(chosen):
        halfway.arrived(item, files, candidate, place)


def scored(candidate: Candidate, score: float) -> Scored:
    return Scored(
        candidate=candidate,
        measurements=(Measurement(dimension="sharpness", score=score),),
        verdict=Verdict(outcome=Outcome.PASS),
        image=None,
        phash=None,
        seconds=0.1,
    )


def going_on(halfway: Halfway) -> list[str]:
    """Survivors, taken in batches."""
    found = []
    while (item := halfway.take(partial=True)) is not None:
        found += [c.id for c in item.candidates]
    return found


def opened(request: Request, position: int = LATER) -> Halfway:
    halfway = Halfway(contests(), batch=4, together=MADE)
    halfway.opened(request, position)
    return halfway


def test_nobody_goes_on_before_all_have_been_looked_at(tmp_path: Path) -> None:
    request = Request(id="one", deliver=2)
    halfway, made = opened(request), candidates(request)
    arrive(halfway, tmp_path, made)
    for candidate in made[:-1]:
        halfway.seen(scored(candidate, candidate.index / 10))

    assert halfway.take(partial=True) is None
    assert not list(halfway.dropped())

    halfway.seen(scored(made[-1], 0.7))
    dropped = list(halfway.dropped())
    on = going_on(halfway)

    assert {"one-7", "one-6"} <= set(on)
    assert len(dropped) + len(on) == MADE
    assert len(dropped) >= 4
    assert {p.stem for p in tmp_path.glob("*.npy")} == set(on)
    result, seconds = dropped[0]
    assert seconds == pytest.approx(1.0)
    assert result.verdict.failed == ("early_rejection",)
    assert "among the best 2 of 8" in result.verdict.reasons[0]

    for candidate in made:
        halfway.forget(candidate)
    assert (going_on(halfway), list(halfway.dropped())) == ([], [])


def test_a_candidate_that_could_not_be_made_or_looked_at_holds_nobody_up(tmp_path: Path) -> None:
    request = Request(id="one", deliver=2)
    halfway, made = opened(request), candidates(request)
    arrive(halfway, tmp_path, made[1:])
    halfway.forget(made[0])
    halfway.unseen(made[1])
    for candidate in made[2:-1]:
        halfway.seen(scored(candidate, candidate.index / 10))
    halfway.forget(made[0])

    assert going_on(halfway) == ["one-1"]
    done = scored(made[1], 0.1)
    assert halfway.finished(done, request) == done

    halfway.seen(scored(made[-1], 0.9))

    assert {"one-7", "one-6"} <= set(going_on(halfway))


def test_those_of_an_earlier_process_count_and_are_not_decided_again(tmp_path: Path) -> None:
    request = Request(id="one", deliver=2)
    made = candidates(request)
    halfway = Halfway(contests(), batch=4, together=MADE)
    looks = [Measurement(dimension=PREVIEW, score=0.5, metrics={"sharpness": 0.99, "step": 8})] * 2
    earlier = [(c.id, look) for c, look in zip(made, looks, strict=False)]
    halfway.opened(request, LATER, [*earlier, (made[2].id, None)])
    arrive(halfway, tmp_path, made[3:])
    for candidate in made[3:]:
        halfway.seen(scored(candidate, candidate.index / 10))
    dropped = {result.candidate.id for result, _ in halfway.dropped()}

    assert dropped | set(going_on(halfway)) == {c.id for c in made[3:]}
    assert "one-6" in dropped


@pytest.mark.parametrize(("position", "learns"), [(16, True), (LATER, False)])
def test_only_whole_requests_teach(tmp_path: Path, position: int, learns: bool) -> None:
    request = Request(id="one", deliver=2)
    halfway, made = opened(request, position), candidates(request)
    arrive(halfway, tmp_path, made)
    for candidate in made:
        halfway.seen(scored(candidate, candidate.index / 10))
    done = halfway.finished(scored(made[-1], 0.7), request)

    assert done.measurements[-1].dimension == PREVIEW
    assert (entrant_of(done.measurements[-1], done.verdict) is not None) is learns


def test_an_outage_teaches_nothing() -> None:
    preview = Measurement(dimension=PREVIEW, score=1.0, metrics={"sharpness": 0.9, "whole": True})

    assert entrant_of(preview, Verdict(outcome=Outcome.ERROR)) is None
    assert entrant_of(preview, Verdict(outcome=Outcome.PASS, rank=0.5)) == Entrant(
        {"sharpness": 0.9}, True, 0.5
    )
