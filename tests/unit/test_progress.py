"""What a run says of itself while it goes."""

from __future__ import annotations

import io

import pytest

from sentinelqa.progress import Lines, Live, Tally, duration
from sentinelqa.types import Check, Outcome, Verdict


@pytest.fixture
def tally() -> Tally:
    tally = Tally(name="job", requests=4, currency="EUR")
    failed = Check(name="sharpness", tier="generic", outcome=Outcome.FAIL, reason="low")
    tally.judge(Verdict(outcome=Outcome.PASS), 1)
    tally.judge(Verdict(outcome=Outcome.FAIL, checks=(failed,)), 2)
    tally.closed, tally.filled, tally.delivered, tally.cost = 2, 1, 3, 6.0
    return tally


def test_a_line_says_how_far_it_is(tally: Tally) -> None:
    line = tally.line()

    assert "2/4 requests, 3 delivered, 2 candidates, 1 passed, 1 failed" in line
    assert "left" in line


def test_the_live_display_fits_and_says_what_failed(tally: Tally) -> None:
    from rich.console import Console

    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(Live(tally)._render())
    text = console.export_text()

    assert "sharpness 1" in text
    assert "round 2" in text
    assert "2 EUR each" in text
    assert max(map(len, text.splitlines())) <= 100


def test_rates_start_where_a_run_is_resumed(tally: Tally) -> None:
    tally.resume()

    assert tally.rate == 0
    assert tally.remaining is None


def test_lines_end_with_the_last_state(tally: Tally) -> None:
    stream = io.StringIO()
    with Lines(tally, stream) as lines:
        lines.refresh()

    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (200, "3 min"), (7500, "2 h 05 min")])
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
