"""What must hold of every selection, whatever was judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinelqa import selection
from sentinelqa.selection import select
from sentinelqa.types import Candidate, Judged, Outcome, Verdict

DISTANCES = st.sampled_from([0.0, 0.05, 0.2])
WORSE = {Outcome.PASS: [*Outcome], Outcome.FAIL: [Outcome.FAIL]}


@st.composite
def judged(draw: st.DrawFn) -> list[Judged]:
    return [
        Judged(
            candidate=Candidate(id=f"c{n}", request_id="r", index=n),
            verdict=Verdict(
                outcome=draw(st.sampled_from(Outcome)),
                rank=draw(st.integers(0, 4)) / 4,
            ),
            phash=draw(st.none() | st.sampled_from([0, 1, 0xFF, 0xFFFF, 2**64 - 1])),
        )
        for n in range(draw(st.integers(0, 9)))
    ]


def delivers_only_what_passed(found: list[Judged], wanted: int, distance: float) -> bool:
    outcomes = {j.candidate.id: j.verdict.outcome for j in found}
    chosen = select(found, wanted, min_distance=distance).delivered
    return (
        all(outcomes[c] is Outcome.PASS for c in chosen)
        and len(set(chosen)) == len(chosen) <= wanted
    )


@given(found=judged(), wanted=st.integers(0, 5), distance=DISTANCES)
def test_only_what_passed_is_delivered_once_and_no_more_than_wanted(
    found: list[Judged], wanted: int, distance: float
) -> None:
    assert delivers_only_what_passed(found, wanted, distance)


@given(found=judged(), wanted=st.integers(0, 5), distance=DISTANCES, data=st.data())
def test_the_order_of_arrival_does_not_matter(
    found: list[Judged], wanted: int, distance: float, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(found))
    assert select(shuffled, wanted, min_distance=distance) == select(
        found, wanted, min_distance=distance
    )


@given(found=judged(), wanted=st.integers(0, 5), data=st.data())
def test_what_a_stricter_rubric_lets_pass_gives_no_more(
    found: list[Judged], wanted: int, data: st.DataObject
) -> None:
    """Of distinct pictures. Where near-duplicates are removed, one that fails may make room for two
    that it resembled."""
    stricter = [
        Judged(
            candidate=j.candidate,
            verdict=Verdict(
                outcome=data.draw(st.sampled_from(WORSE.get(j.verdict.outcome, [Outcome.FAIL]))),
                rank=j.verdict.rank,
            ),
        )
        for j in found
    ]
    assert len(select(stricter, wanted).delivered) <= len(select(found, wanted).delivered)


@given(found=judged(), wanted=st.integers(0, 5), distance=DISTANCES)
def test_a_duplicate_resembles_something_better_that_is_delivered(
    found: list[Judged], wanted: int, distance: float
) -> None:
    chosen = select(found, wanted, min_distance=distance)
    ranks = {j.candidate.id: j.verdict.rank for j in found}
    assert not {*chosen.delivered} & {*chosen.duplicates}
    for one, better in chosen.duplicates.items():
        assert better in chosen.delivered
        assert ranks[better] >= ranks[one]


@pytest.mark.parametrize("kind", [Outcome.FAIL, Outcome.REVIEW, Outcome.ERROR])
def test_the_property_notices_what_is_delivered_without_having_passed(
    kind: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lenient:
        PASS = kind

    one = Judged(candidate=Candidate(id="c", request_id="r"), verdict=Verdict(outcome=kind))
    assert delivers_only_what_passed([one], 1, 0.0)
    monkeypatch.setattr(selection, "Outcome", Lenient)
    assert not delivers_only_what_passed([one], 1, 0.0)
