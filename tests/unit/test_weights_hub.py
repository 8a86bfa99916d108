"""Fetching from a hub: the real client against a server of this test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_kit import REVISION, WEIGHTS, entry, hub, write_files, write_registry

pytest.importorskip("huggingface_hub")

from sentinelqa.errors import ModelError
from sentinelqa.weights import resolve
from sentinelqa.weights.fetching import fetch, plan

FILES = {
    "model_index.json": b"{}",
    "unet/config.json": b'{"a": 1}',
    "unet/model.safetensors": WEIGHTS,
    "unet/model.fp16.safetensors": WEIGHTS[:100],
    "unet/model.bin": b"pickled",
    "whole.safetensors": WEIGHTS * 2,
    "README.md": b"# A model",
}
FETCHED = {"model_index.json", "unet/config.json", "unet/model.safetensors"}
Connect = Callable[[str], None]


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Points the client, which reads its environment once, at a server."""
    from huggingface_hub import constants

    path = write_registry(
        tmp_path / "registry.yaml",
        {
            "picture": entry({"kind": "hub", "repository": "owner/name", "revision": REVISION}),
            "loose": entry({"kind": "hub", "repository": "owner/name", "revision": "unpinned"}),
        },
    )
    monkeypatch.setattr("sentinelqa.weights.catalogue.registry_path", lambda: path)
    monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("SENTINELQA_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)

    def point(address: str) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    return point


def pull(name: str, **how: Any) -> None:
    fetch(plan([name], **how), lambda line: None)


def test_a_pinned_model_is_fetched_without_pickles_and_duplicates(connect: Connect) -> None:
    with hub(FILES) as address:
        connect(address)
        (wanted,) = plan(["picture"])
        assert wanted.size == sum(len(FILES[name]) for name in FETCHED)
        pull("picture")
    model = resolve("picture", task="text-to-image")
    found = {p.relative_to(model.path).as_posix() for p in model.path.rglob("*") if p.is_file()}
    assert found == FETCHED
    assert model.revision == REVISION
    assert plan(["picture"])[0].here


@pytest.mark.parametrize(
    ("name", "altered"),
    [("unet/model.safetensors", WEIGHTS[:-1] + b"."), ("unet/config.json", b'{"a": 2}')],
)
def test_a_file_that_is_not_what_the_hub_says_is_refused(
    connect: Connect, name: str, altered: bytes
) -> None:
    with hub(FILES, serve={name: altered}) as address:
        connect(address)
        with pytest.raises(ModelError, match=f"{name}' of owner/name is not what the hub says"):
            pull("picture")


def test_a_later_change_is_seen(connect: Connect) -> None:
    with hub(FILES) as address:
        connect(address)
        pull("picture")
    path = (resolve("picture").path / "unet/config.json").resolve()
    path.write_bytes(b'{"a": 2}')
    with pytest.raises(ModelError, match=r"'unet/config.json' of model 'picture' was altered"):
        resolve("picture")


def test_an_unpinned_model_stays_what_was_pulled(connect: Connect) -> None:
    with hub(FILES) as address:
        connect(address)
        pull("loose")
        pull("owner/name", task="text-to-image")
    with pytest.raises(ModelError, match="unpinned"):
        resolve("loose")
    assert resolve("loose", allow_unpinned=True).revision == REVISION
    found = resolve("owner/name", task="text-to-image", revision=REVISION)
    assert found.source == f"hub:owner/name@{REVISION[:12]}"


def test_a_repository_with_only_pickled_weights_is_refused(connect: Connect) -> None:
    with hub({"model_index.json": b"{}", "unet/model.bin": b"pickled"}) as address:
        connect(address)
        with pytest.raises(ModelError, match="no weights in safetensors or ONNX"):
            pull("picture")


def test_a_repository_that_does_not_exist(connect: Connect) -> None:
    with hub(FILES) as address:
        connect(address)
        with pytest.raises(ModelError, match="does not have 'other/name'"):
            pull("other/name")


def test_no_network(connect: Connect) -> None:
    connect("http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be fetched") as refused:
        pull("picture")
    assert "models import" in str(refused.value)


@pytest.mark.parametrize("variable", ["SENTINELQA_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_is_honoured_and_what_is_here_still_works(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with hub(FILES) as address:
        connect(address)
        monkeypatch.setenv(variable, "1")
        with pytest.raises(ModelError, match=f"{variable} forbids the network"):
            pull("picture")
        monkeypatch.delenv(variable)
        pull("picture")
        monkeypatch.setenv(variable, "1")
        pull("picture")
    assert resolve("picture").revision == REVISION


def test_a_part_of_a_snapshot_does_not_pass_for_the_whole(connect: Connect) -> None:
    with hub(FILES) as address:
        connect(address)
        pull("picture")
    (resolve("picture").path / "unet/model.safetensors").unlink()
    with pytest.raises(ModelError, match="model 'picture'"):
        resolve("picture")


def test_without_the_client_the_extra_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, {"huggingface_hub.py": b"raise ModuleNotFoundError(name=__name__)"})
    code = "from sentinelqa.weights import resolve; resolve('sdxl')"
    environment = {"PYTHONPATH": str(tmp_path), "SENTINELQA_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pip install 'sentinelqa[generate]'" in done.stderr
