"""Nothing reaches outside its folder through a name, a link or a special file; nothing hangs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinelqa.features import decoding
from sentinelqa.sources import requests
from tests.security import boundary
from tests.security.boundary import figures, violations


def test_no_path_leads_outside_and_none_hangs(tmp_path: Path) -> None:
    found = figures(tmp_path)
    assert found["cases"] >= 80
    assert violations(found) == [], found


def _any_id(request_id: str, where: str) -> None:
    return None


def _never_seen(seen: Any, request: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("module", "name", "instead", "noticed"),
    [
        (requests, "_check_id", _any_id, "outside"),
        (requests, "_claim", _never_seen, "collisions"),
        (decoding.os, "O_NOFOLLOW", 0, "outside"),
    ],
)
def test_the_harness_notices_a_check_that_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    instead: Any,
    noticed: str,
) -> None:
    monkeypatch.setattr(module, name, instead)
    assert noticed in violations(figures(tmp_path))


def test_the_harness_notices_waiting_on_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "PATIENCE", 0.2)
    monkeypatch.setattr(decoding.os, "O_NONBLOCK", 0)
    assert "hung" in violations(figures(tmp_path))
