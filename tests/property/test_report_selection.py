"""What the page chooses is what Python delivers: random verdicts, ranks and hashes in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinelqa.report.render import asset
from sentinelqa.selection import select
from sentinelqa.types import Candidate, Judged, Outcome, Verdict
from tests.browser import NEEDS_BROWSER, started

pytestmark = [*NEEDS_BROWSER, pytest.mark.slow]

CODES = (Outcome.PASS, Outcome.REVIEW, Outcome.ERROR, Outcome.FAIL)
CHOOSE = """([script, payload]) => {
    const document = { getElementById: (id) => ({ textContent: JSON.stringify(
        id === 'payload' ? payload : payload.id.map(() => '')) }) };
    const make = new Function('document', script + '; return { state, select, judgeAll };');
    const page = make(document);
    page.judgeAll();
    page.select();
    return { place: [...page.state.place], twin: [...page.state.twin] };
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    for browser in started():
        yield browser.new_page()


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Candidates with few distinct ranks and hashes that lie close: ties and twins abound."""
    bases = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
    rows = st.fixed_dictionaries(
        {
            "request": st.integers(0, 2),
            "outcome": st.sampled_from([0, 0, 0, 1, 2, 3]),
            "rank": st.sampled_from([0.0, 0.25, 0.5, 0.500001, 1.0]),
            "base": st.sampled_from(bases),
            "flips": st.lists(st.integers(0, 63), max_size=9, unique=True),
            "hashed": st.sampled_from([True, True, True, False]),
        }
    )
    return draw(st.lists(rows, max_size=24))


def _hash(row: dict[str, Any]) -> int | None:
    value = row["base"]
    for bit in row["flips"]:
        value ^= 1 << bit
    return value if row["hashed"] else None


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=tables(),
    wanted=st.lists(st.integers(0, 5), min_size=3, max_size=3),
    distance=st.sampled_from([0.0, 0.03125, 0.08, 0.125]),
)
def test_the_page_chooses_what_python_delivers(
    page: Any, rows: list[dict[str, Any]], wanted: list[int], distance: float
) -> None:
    script = "\n".join(asset(name) for name in ("base.js", "model.js", "whatif.js"))
    found = page.evaluate(CHOOSE, [script, _payload(rows, wanted, distance)])

    for request in range(3):
        own = [place for place, row in enumerate(rows) if row["request"] == request]
        judged = [_judged(place, rows[place]) for place in own]
        chosen = select(judged, wanted[request], min_distance=distance)
        for place in own:
            name = str(place)
            expected = chosen.delivered.index(name) + 1 if name in chosen.delivered else 0
            assert found["place"][place] == expected
            assert bool(found["twin"][place]) == (name in chosen.duplicates)


def _judged(place: int, row: dict[str, Any]) -> Judged:
    return Judged(
        candidate=Candidate(id=str(place), request_id=str(row["request"]), index=place),
        verdict=Verdict(outcome=CODES[row["outcome"]], rank=row["rank"]),
        phash=_hash(row),
    )


def _payload(rows: list[dict[str, Any]], wanted: list[int], distance: float) -> dict[str, Any]:
    hashes = [_hash(row) for row in rows]
    codes = "".join(str(row["outcome"]) for row in rows)
    return {
        "mode": "run",
        "minDistance": distance,
        "id": [str(place) for place in range(len(rows))],
        "request": [row["request"] for row in rows],
        "requests": [{"wanted": number} for number in wanted],
        "outcome": [row["outcome"] for row in rows],
        "delivered": [0] * len(rows),
        "rank": [row["rank"] for row in rows],
        "phash": ["" if value is None else f"{value:016x}" for value in hashes],
        "twin": [""] * len(rows),
        "checks": [{"name": "all", "kind": "rule", "severity": "fail", "codes": codes}],
    }
