"""Measuring what only ranks of contenders alone selects what ranking everybody does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sentinelqa.decide import ImageFacts, decide
from sentinelqa.rubric.model import Rubric, Threshold
from sentinelqa.selection import contenders, select
from sentinelqa.types import Candidate, Judged, Measurement, Request, Unscored

GATES, RANKS = ("a", "b"), ("c", "d")
IMAGE = ImageFacts(width=64, height=64)
REQUEST = Request(id="r")

Scores = Mapping[str, float | Unscored]

# few distinct values, so that ties, and ties of bounds with ranks, are common
numbers = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
ranks = st.one_of(numbers, st.sampled_from([Unscored.ERROR, Unscored.NOT_APPLICABLE]))
rows = st.fixed_dictionaries({**dict.fromkeys(GATES, numbers), **dict.fromkeys(RANKS, ranks)})
tables = st.lists(st.tuples(rows, st.integers(0, 7)), max_size=12)
weights = st.dictionaries(st.sampled_from(GATES + RANKS), st.floats(0.01, 5), min_size=1)


def rubric_of(rank: Mapping[str, float]) -> Rubric:
    total = sum(rank.values())
    return Rubric(
        name="drawn",
        version="1",
        checks=tuple(Threshold(name=n, tier="generic", source=n, low=0.2) for n in GATES),
        resolved="",
        hash="",
        rank={name: weight / total for name, weight in rank.items()},
        dimensions=tuple(dict.fromkeys((*GATES, *rank))),
    )


def judged_by(
    rubric: Rubric, index: int, scores: Scores, names: Sequence[str], hash_: int
) -> Judged:
    measurements = {
        name: Measurement.without_score(name, score, "why")
        if isinstance(score, Unscored)
        else Measurement(dimension=name, score=score)
        for name, score in scores.items()
        if name in names
    }
    return Judged(
        candidate=Candidate(id=f"{index:02d}", request_id="r", index=index),
        verdict=decide(rubric, measurements, REQUEST, IMAGE),
        phash=hash_,
    )


@given(
    rank=weights,
    table=tables,
    wanted=st.integers(0, 5),
    min_distance=st.sampled_from([0.0, 1 / 64, 2 / 64]),
    data=st.data(),
)
def test_contenders_alone_select_what_ranking_everybody_selects(
    rank: dict[str, float],
    table: list[tuple[Scores, int]],
    wanted: int,
    min_distance: float,
    data: st.DataObject,
) -> None:
    rubric = rubric_of(rank)
    whole = [
        judged_by(rubric, i, scores, GATES + RANKS, hash_)
        for i, (scores, hash_) in enumerate(table)
    ]
    gated = [judged_by(rubric, i, scores, GATES, hash_) for i, (scores, hash_) in enumerate(table)]
    expected = select(whole, wanted, min_distance=min_distance)

    def ranked_in_some_order(at_once: bool) -> tuple[list[Judged], set[str]]:
        """Measure those that are named, all or only some of them before asking again."""
        now, measured = list(gated), set[str]()
        while needed := contenders(now, wanted, min_distance=min_distance):
            assert not measured & set(needed)
            some = needed if at_once else data.draw(st.sets(st.sampled_from(needed), min_size=1))
            measured.update(some)
            now = [whole[i] if j.candidate.id in some else j for i, j in enumerate(now)]
        return data.draw(st.permutations(now)), measured

    together, measured = ranked_in_some_order(at_once=True)
    apart, measured_apart = ranked_in_some_order(at_once=False)

    assert select(together, wanted, min_distance=min_distance) == expected
    assert select(apart, wanted, min_distance=min_distance) == expected
    assert measured == measured_apart
    by_id = {j.candidate.id: j for j in together}
    assert [by_id[i].verdict for i in expected.delivered] == [
        whole[int(i)].verdict for i in expected.delivered
    ]


@given(rank=weights, scores=rows)
def test_a_rank_lies_between_its_bounds(rank: dict[str, float], scores: Scores) -> None:
    rubric = rubric_of(rank)
    gated = judged_by(rubric, 0, scores, GATES, 0).verdict
    whole = judged_by(rubric, 0, scores, GATES + RANKS, 0).verdict

    assert whole.ceiling is None
    assert gated.outcome is whole.outcome
    if gated.ceiling is not None:
        assert gated.rank <= whole.rank <= gated.ceiling
    elif not whole.failed:
        assert gated == whole


def test_who_cannot_win_any_more_is_not_measured() -> None:
    rubric = rubric_of({"a": 3, "c": 1})
    first = judged_by(rubric, 0, {"a": 1.0, "b": 1.0}, GATES, 0)
    second = judged_by(rubric, 1, {"a": 0.5, "b": 1.0}, GATES, 1)

    assert contenders([first, second], 1) == ("00",)
    assert contenders([first, second], 2) == ("00", "01")
    measured = judged_by(rubric, 0, {"a": 1.0, "b": 1.0, "c": 0.0}, GATES + RANKS, 0)
    assert contenders([measured, second], 1) == ()
    close = judged_by(rubric, 1, {"a": 0.7, "b": 1.0}, GATES, 1)
    assert contenders([measured, close], 1) == ("01",)


def test_a_likeness_of_the_winner_is_not_measured() -> None:
    rubric = rubric_of({"a": 3, "c": 1})
    winner = judged_by(rubric, 0, {"a": 1.0, "b": 1.0, "c": 1.0}, GATES + RANKS, 7)
    twin = judged_by(rubric, 1, {"a": 1.0, "b": 1.0}, GATES, 7)
    assert contenders([winner, twin], 2, min_distance=0.1) == ()
    assert contenders([winner, replace(twin, phash=None)], 2, min_distance=0.1) == ("01",)
