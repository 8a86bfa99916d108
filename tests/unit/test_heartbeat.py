"""Signs of progress are passed on, not too often, and only where somebody listens."""

from __future__ import annotations

import pytest

from sentinelqa import heartbeat


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(heartbeat, "_heart", heartbeat._Heart())
    heartbeat.pass_on(lambda: said.append("on"))
    return said


def test_the_first_of_many_signs_is_passed_on(told: list[str]) -> None:
    for _ in range(100):
        heartbeat.progress()
    assert told == ["on"]


def test_signs_that_lie_apart_are_passed_on_each(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.0)
    for _ in range(3):
        heartbeat.progress()
    assert told == ["on"] * 3


def test_where_nobody_listens_a_sign_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_heart", heartbeat._Heart())
    heartbeat.progress()
