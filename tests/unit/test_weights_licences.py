"""The licence guard, case by case."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_kit import WEIGHTS, entry, pin, write_files, write_registry

from sentinelqa.errors import LicenceError, UsageError
from sentinelqa.weights import LicencePolicy, resolve

OWN = {"kind": "shipped", "path": "models/own"}
FILES = {"model_index.json": pin(b"{}"), "unet/model.safetensors": pin(WEIGHTS)}
KNOWN = {
    "free": entry(OWN, FILES),
    "research": entry(OWN, FILES, licence="Research-1.0"),
    "small": entry(OWN, FILES, licence="Small-1.0"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SENTINELQA_LICENCES", raising=False)
    registry = write_registry(tmp_path / "registry.yaml", KNOWN)
    made = write_files(
        tmp_path / "own", {"model_index.json": b"{}", "unet/model.safetensors": WEIGHTS}
    )
    monkeypatch.setattr("sentinelqa.weights.catalogue.registry_path", lambda: registry)
    monkeypatch.setattr("sentinelqa.weights.locating.shipped", lambda *_: made)
    return made


@pytest.mark.parametrize(
    ("model", "licences", "acknowledged", "allowed"),
    [
        ("free", "any", (), True),
        ("research", "any", (), True),
        ("small", "any", (), True),
        ("local", "any", (), True),
        ("free", "commercial", (), True),
        ("research", "commercial", (), False),
        ("research", "commercial", ("Research-1.0",), False),
        ("small", "commercial", (), False),
        ("small", "commercial", ("Other-1.0",), False),
        ("small", "commercial", ("Small-1.0",), True),
        ("local", "commercial", (), False),
        ("local", "commercial", ("unknown",), True),
    ],
)
def test_the_matrix(
    folder: Path, model: str, licences: str, acknowledged: tuple[str, ...], allowed: bool
) -> None:
    policy = LicencePolicy(licences, frozenset(acknowledged))
    name = str(folder) if model == "local" else model
    if allowed:
        assert resolve(name, policy=policy).path == folder
        return
    with pytest.raises(LicenceError):
        resolve(name, policy=policy)


def test_a_refusal_names_the_model_and_what_to_use_instead() -> None:
    with pytest.raises(LicenceError) as refused:
        resolve("research", policy=LicencePolicy("commercial"))
    said = str(refused.value)
    assert "'research' is under Research-1.0, which does not allow commercial use" in said
    assert "use instead: free" in said


def test_a_condition_is_shown_with_how_to_acknowledge_it() -> None:
    with pytest.raises(LicenceError) as refused:
        resolve("small", policy=LicencePolicy("commercial"))
    said = str(refused.value)
    assert "Small-1.0: revenue" in said
    assert "acknowledge: [Small-1.0]" in said


def test_it_is_refused_before_the_files_are_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinelqa.weights.locating.shipped", lambda *_: folder / "nowhere")
    with pytest.raises(LicenceError):
        resolve("research", policy=LicencePolicy("commercial"))


def test_an_installation_may_be_stricter_than_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINELQA_LICENCES", "commercial")
    with pytest.raises(LicenceError):
        resolve("research", policy=LicencePolicy("any"))
    with pytest.raises(LicenceError):
        resolve("research")
    assert resolve("free").licence == "Free-1.0"


def test_a_policy_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="'comercial'"):
        LicencePolicy("comercial")
    monkeypatch.setenv("SENTINELQA_LICENCES", "strict")
    with pytest.raises(UsageError, match="SENTINELQA_LICENCES"):
        LicencePolicy()
