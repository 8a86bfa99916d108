"""No model file runs code, whatever it is called and whatever it holds."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinelqa.weights import formats
from tests.security import pickled
from tests.security.pickled import figures, violations


def test_model_files_are_refused_unread(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = figures(tmp_path, pipelines_too=False)
    for name, value in found.items():
        record_property(name, round(value, 1))
    assert found["models"] >= 10
    assert found["accepted"] == 0
    assert violations(found) == []


@pytest.mark.full
def test_pipelines_that_are_really_loaded_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = figures(tmp_path)
    assert found["models"] >= 15
    assert violations(found) == [], found


def test_the_harness_notices_what_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickled, "_resolved", lambda path: pickle.loads(path.read_bytes()))
    assert "code that ran" in violations(figures(tmp_path, pipelines_too=False))


def test_the_harness_notices_suffixes_that_are_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "PICKLED", frozenset())
    assert "accepted" in violations(figures(tmp_path, pipelines_too=False))
