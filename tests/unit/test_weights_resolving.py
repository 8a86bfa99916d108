"""From a name to verified files: what is found, and what is refused."""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
from model_kit import REVISION, WEIGHTS, entry, pin, write_files, write_registry

from sentinelqa.errors import DependencyError, ModelError
from sentinelqa.weights import resolve
from sentinelqa.weights.hashing import Verified, manifest_of, sha256_of

FILES = {"model_index.json": b"{}", "unet/model.safetensors": WEIGHTS}
PINS = {name: pin(data) for name, data in FILES.items()}
OWN = {"kind": "shipped", "path": "models/own"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a shipped, pinned model called ``own``."""
    monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    folder = write_files(tmp_path / "own", FILES)
    use_registry(tmp_path, monkeypatch, {"own": entry(OWN, PINS)})
    monkeypatch.setattr("sentinelqa.weights.locating.shipped", lambda *_: folder)
    return folder


def use_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: dict[str, Any]) -> None:
    path = write_registry(tmp_path / "registry.yaml", models)
    monkeypatch.setattr("sentinelqa.weights.catalogue.registry_path", lambda: path)


def refusal(model: str, **how: Any) -> str:
    with pytest.raises(ModelError) as refused:
        resolve(model, **how)
    return str(refused.value)


def settle(folder: Path) -> None:
    """Give every file a time in the past, as a file has that was not written just now."""
    past = time.time() - 100
    for path in folder.rglob("*"):
        os.utime(path, (past, past))


def test_a_pinned_model_is_found_and_recorded(own: Path) -> None:
    model = resolve("own", task="text-to-image")
    assert model.path == own
    assert (model.loader, model.licence, model.commercial) == ("diffusers", "Free-1.0", "yes")
    assert model.pinned
    lines = {name: sha256_of(own / name) for name in FILES}
    assert model.use().sha256 == manifest_of(lines)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("position", [0, -1])
def test_a_flipped_bit_is_refused_by_file_name(own: Path, name: str, position: int) -> None:
    settle(own)
    resolve("own")
    data = bytearray((own / name).read_bytes())
    data[position] ^= 1
    (own / name).write_bytes(data)
    said = refusal("own")
    assert repr(name) in said
    assert "was altered" in said


def test_a_missing_a_short_and_an_extra_file_are_refused(own: Path) -> None:
    (own / "unet/other.safetensors").write_bytes(WEIGHTS)
    assert "'unet/other.safetensors'" in refusal("own")
    (own / "unet/other.safetensors").unlink()
    (own / "unet/model.safetensors").write_bytes(WEIGHTS[:-1])
    assert f"has {len(WEIGHTS) - 1} bytes" in refusal("own")
    (own / "unet/model.safetensors").unlink()
    assert "'unet/model.safetensors' of model 'own' is missing" in refusal("own")


def test_a_model_of_another_task_is_refused_with_those_that_fit(own: Path) -> None:
    said = refusal("own", task="image-text")
    assert "is for text-to-image, and image-text is wanted" in said


def test_an_unknown_model_is_refused_with_the_nearest_name(own: Path) -> None:
    assert "did you mean 'own'?" in refusal("ownn")
    assert "models list" in refusal("completely different")


def test_an_unpinned_model_needs_an_explicit_flag(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_registry(tmp_path, monkeypatch, {"own": entry(OWN)})
    assert "allow_unpinned" in refusal("own")
    model = resolve("own", allow_unpinned=True)
    assert not model.pinned
    assert model.sha256


class Bomb:
    """Leaves a marker when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("suffix", ["bin", "pt", "ckpt", "pth", "pkl", "pt2"])
def test_a_pickled_model_is_refused_and_never_opened(
    own: Path, tmp_path: Path, suffix: str
) -> None:
    marker = tmp_path / "marker"
    folder = write_files(
        tmp_path / "local",
        {"model_index.json": b"{}", f"unet/model.{suffix}": pickle.dumps(Bomb(marker))},
    )
    assert f"'unet/model.{suffix}', a pickled file" in refusal(str(folder), allow_unpinned=True)
    assert "a pickled file" in refusal(str(folder / f"unet/model.{suffix}"))
    assert not marker.exists()


def test_code_beside_a_model_is_refused(own: Path, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "local", {"model_index.json": b"{}", "pipeline.py": b""})
    assert "code that comes with a model is never run" in refusal(str(folder))


def test_a_local_model_is_recorded_but_not_pinned(own: Path, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "local", FILES)
    model = resolve(str(folder), task="text-to-image")
    assert (model.loader, model.licence, model.commercial) == ("diffusers", "unknown", "unknown")
    assert model.sha256 == resolve("own").sha256
    assert not model.pinned
    assert "is for text-to-image" in refusal(str(folder), task="image-text")


def test_a_local_file_names_its_loader(own: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "local", {"face.tflite": WEIGHTS})
    model = resolve(str(tmp_path / "local/face.tflite"), task="face-detection")
    assert (model.loader, model.task) == ("litert", "face-detection")
    assert model.path.name == "face.tflite"


def test_an_empty_folder_is_no_model(own: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no model" in refusal(str(tmp_path / "empty"))


def test_a_hub_model_must_be_pinned_and_here(own: Path) -> None:
    assert "40 hexadecimal digits" in refusal("owner/name", revision="main")
    assert "unpinned" in refusal("owner/name")
    said = refusal("owner/name", revision=REVISION)
    assert "is not here" in said
    assert f"sentinelqa models pull owner/name --revision {REVISION}" in said


def test_a_model_of_a_package_is_found_without_importing_it(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"kind": "package", "distribution": "carrier", "version": "1.0", "extra": "text"}
    model = entry(source | {"path": "carrier"}, {"a.onnx": pin(WEIGHTS)}, loader="onnx")
    use_registry(tmp_path, monkeypatch, {"carried": model})
    with pytest.raises(DependencyError, match=r"sentinelqa\[text\]"):
        resolve("carried")
    site = write_files(
        tmp_path / "site",
        {
            "carrier/__init__.py": b"raise SystemExit('imported')",
            "carrier/a.onnx": WEIGHTS,
            "carrier-1.0.dist-info/METADATA": b"Name: carrier\nVersion: 1.0\n",
        },
    )
    monkeypatch.syspath_prepend(str(site))
    assert resolve("carried").path == site / "carrier/a.onnx"
    (site / "carrier/a.onnx").write_bytes(WEIGHTS[::-1])
    said = refusal("carried")
    assert "'a.onnx' of model 'carried' was altered" in said
    assert "carrier==1.0" in said


def test_a_start_does_not_read_settled_files_again(own: Path) -> None:
    path = own / "unet/model.safetensors"
    settle(own)
    # Hashing takes place once the change time has settled, too.
    verified = Verified()
    verified._known[str(path.resolve())] = [
        path.stat().st_size,
        path.stat().st_mtime_ns,
        path.stat().st_ctime_ns,
        "remembered",
    ]
    assert verified.sha256_of(path) == "remembered"
    assert verified.sha256_of(path, fresh=True) == sha256_of(path)


def test_a_file_written_just_now_is_not_remembered(own: Path) -> None:
    resolve("own")
    assert Verified()._known == {}


def test_an_unwritable_or_damaged_memory_only_costs_time(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(exist_ok=True)
    (cache / "verified.json").write_text('{"a": 1, "b"', encoding="utf-8")
    assert resolve("own").pinned
    monkeypatch.setenv("SENTINELQA_CACHE", str(own / "model_index.json"))
    assert resolve("own").pinned
