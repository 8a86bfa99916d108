"""The registry that ships, and what its schema refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from model_kit import WEIGHTS, entry, pin, write_files, write_registry

from sentinelqa.errors import ModelError
from sentinelqa.weights import catalogue, feature_models
from sentinelqa.weights.cards import insert
from sentinelqa.weights.hashing import sha256_of
from sentinelqa.weights.pin import pin as pin_shipped

SHIPPED = {"kind": "shipped", "path": "models/own"}


def refusal(tmp_path: Path, **changes: Any) -> str:
    """What is said of a registry whose only model was changed."""
    model = entry(SHIPPED) | changes
    path = write_registry(tmp_path / "registry.yaml", {"own": model})
    with pytest.raises(ModelError) as refused:
        catalogue.read_registry(path)
    return str(refused.value)


def test_the_shipped_registry_states_a_licence_source_for_every_model() -> None:
    registry = catalogue.read_registry()
    assert {"starter", "starter-clip", "flux2-klein-4b", "dlib-face-embedding"} <= set(
        registry.models
    )
    for name, model in registry.models.items():
        assert model.licence_source, name
        assert registry.licences[model.licence].name, name


def test_every_hub_model_is_pinned_to_a_commit_or_says_that_it_is_not() -> None:
    for name, model in catalogue.read_registry().models.items():
        if model.source.kind == "hub":
            assert model.pinned == (len(model.source.revision) == 40), name


def test_what_is_known_of_well_known_licences() -> None:
    registry = catalogue.read_registry()
    said = {n: registry.licences[m.licence].commercial for n, m in registry.models.items()}
    assert said["flux2-klein-4b"] == "yes"
    assert said["flux2-klein-9b"] == said["flux2-dev"] == said["insightface-buffalo-l"] == "no"
    assert said["sd35-large"] == said["sdxl-turbo"] == "conditional"


def test_features_name_their_models_and_a_rubric_may_name_others() -> None:
    assert feature_models("clip") == ("starter-clip",)
    assert feature_models("clip", "siglip2-b-16") == ("siglip2-b-16",)
    assert feature_models("safety", ["a", "b"]) == ("a", "b")
    assert feature_models("faces", "a") == ("a", "mediapipe-face-mesh", "mediapipe-iris")
    assert feature_models("hashes") == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licence": "Nobody-1.0"}, "unknown licence 'Nobody-1.0'"),
        ({"task": "text-to-imagery"}, "task"),
        ({"sauce": 1}, "sauce"),
        ({"files": {"../out.safetensors": pin(WEIGHTS)}}, "not a relative path"),
        ({"files": {"a.safetensors": {"sha256": "12", "size": 1}}}, "sha256"),
        ({"source": {"kind": "hub", "repository": "a/b", "revision": "main"}}, "revision"),
        ({"loader": "onnx", "files": {"a": pin(b"1"), "b": pin(b"2")}}, "opens one file"),
    ],
)
def test_a_broken_entry_is_refused_with_its_key(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    message = refusal(tmp_path, **changes)
    assert said in message
    assert "registry.yaml" in message


def test_a_feature_must_name_registered_models(tmp_path: Path) -> None:
    path = write_registry(tmp_path / "r.yaml", {"own": entry(SHIPPED)}, {"clip": ["other"]})
    with pytest.raises(ModelError, match="unknown model 'other'"):
        catalogue.read_registry(path)


def test_pinning_writes_hashes_and_keeps_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_registry(tmp_path / "registry.yaml", {"own": entry(SHIPPED)})
    path.write_text("# a remark\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    folder = write_files(
        tmp_path / "own", {"model.safetensors": WEIGHTS, "config.json": b"{}", "README.md": b"-"}
    )
    monkeypatch.setattr("sentinelqa.weights.catalogue.registry_path", lambda: path)
    monkeypatch.setattr("sentinelqa.weights.pin.shipped", lambda *_: folder)
    pin_shipped(["own"], registry=path)
    model = catalogue.read_registry(path).models["own"]
    assert model.pinned
    assert set(model.files) == {"model.safetensors", "config.json"}
    assert model.files["model.safetensors"].sha256 == sha256_of(folder / "model.safetensors")
    assert path.read_text(encoding="utf-8").startswith("# a remark\n")


def test_the_manual_has_the_card_of_every_model() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    assert insert(page) == page
    for name in catalogue.read_registry().models:
        assert f"### `{name}`" in page


def test_importing_weights_loads_nothing_heavy() -> None:
    code = (
        "import sys, sentinelqa.weights;"
        "print(*{'torch', 'numpy', 'huggingface_hub', 'safetensors', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
