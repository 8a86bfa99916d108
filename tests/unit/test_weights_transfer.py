"""Moving models to a machine without network, and back."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_kit import REVISION, WEIGHTS, entry, pin, sha256, write_files, write_registry

from sentinelqa.errors import ModelError
from sentinelqa.weights import resolve
from sentinelqa.weights.cache import cache_root, model_folder
from sentinelqa.weights.hashing import manifest_of
from sentinelqa.weights.hub import hub_folder, write_record
from sentinelqa.weights.schema import PinnedFile
from sentinelqa.weights.transfer import MANIFEST, export_models, import_models

ARCHIVE = {
    "kind": "pypi",
    "distribution": "carrier",
    "version": "1.0",
    "archive": "carrier-1.0.tar.gz",
    "sha256": "0" * 64,
    "size": 1,
}
HUB_FILES = {"model_index.json": b"{}", "unet/model.safetensors": WEIGHTS}
Machine = Callable[[str], None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Goes to a machine with a cache of its own."""
    registry = write_registry(
        tmp_path / "registry.yaml",
        {
            "face": entry(ARCHIVE, {"a.onnx": pin(WEIGHTS)}, loader="onnx"),
            "picture": entry({"kind": "hub", "repository": "owner/name", "revision": REVISION}),
            "own": entry({"kind": "shipped", "path": "models/own"}),
        },
    )
    monkeypatch.setattr("sentinelqa.weights.catalogue.registry_path", lambda: registry)

    def go(name: str) -> None:
        monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path / name))

    go("here")
    return go


@pytest.fixture
def export(machine: Machine, tmp_path: Path) -> Path:
    """An export of a model from the index and one of the hub."""
    write_files(model_folder("face", manifest_of({"a.onnx": sha256(WEIGHTS)})), {"a.onnx": WEIGHTS})
    write_files(hub_folder("owner/name") / REVISION, HUB_FILES)
    pins = {n: PinnedFile(sha256=sha256(d), size=len(d)) for n, d in HUB_FILES.items()}
    write_record("owner/name", REVISION, pins)
    target = tmp_path / "models.tar"
    export_models(["face", "picture"], target)
    return target


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> None:
    """Change the manifest and the members of an export."""
    with tarfile.open(path) as bundle:
        members = {m.name: bundle.extractfile(m).read() for m in bundle}  # type: ignore[union-attr]
    manifest = json.loads(members.pop(MANIFEST))
    change(manifest, members)
    with tarfile.open(path, "w") as bundle:
        for name, data in {MANIFEST: json.dumps(manifest).encode(), **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            bundle.addfile(info, io.BytesIO(data))


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as refused:
        import_models(path)
    return str(refused.value)


def test_there_and_back(export: Path, machine: Machine) -> None:
    before = {name: resolve(name) for name in ("face", "picture")}
    machine("there")
    with pytest.raises(ModelError, match="'face' is not here"):
        resolve("face")
    assert import_models(export) == ["face", "picture"]
    for name, model in before.items():
        assert resolve(name).use() == model.use()
        assert resolve(name).path.is_relative_to(cache_root())
    assert import_models(export) == ["face", "picture"]


def test_an_export_is_the_same_whenever_it_is_made(export: Path, tmp_path: Path) -> None:
    export_models(["face", "picture"], tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == export.read_bytes()


def test_an_altered_model_is_not_exported(export: Path, tmp_path: Path) -> None:
    resolve("face").path.write_bytes(WEIGHTS[::-1])
    with pytest.raises(ModelError, match="was altered"):
        export_models(["face"], tmp_path / "again.tar")
    assert not (tmp_path / "again.tar").exists()


def test_what_ships_with_the_package_needs_no_export(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="needs no export"):
        export_models(["own"], tmp_path / "own.tar")


def test_a_flipped_byte_in_an_export_is_refused_by_file_name(
    export: Path, machine: Machine
) -> None:
    data = bytearray(export.read_bytes())
    data[data.rindex(WEIGHTS) + 5] ^= 1
    export.write_bytes(data)
    machine("there")
    assert "'unet/model.safetensors' of model 'picture' is damaged" in refusal(export)
    with pytest.raises(ModelError, match="is not here"):
        resolve("picture")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.99])
def test_a_truncated_export_is_refused(export: Path, machine: Machine, share: float) -> None:
    data = export.read_bytes()
    # A tar file ends with padding that nobody misses.
    end = data.rindex(WEIGHTS) + len(WEIGHTS)
    export.write_bytes(data[: int(end * share)])
    machine("there")
    assert "not a whole export" in refusal(export)
    assert not list((cache_root() / "hub").rglob("*.safetensors"))


def test_another_pin_than_this_installations_is_refused(export: Path, machine: Machine) -> None:
    other = WEIGHTS[::-1]

    def swap(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["models"]["face"]["files"]["a.onnx"] = pin(other) | {"member": None}
        members["models/face/a.onnx"] = other

    rewrite(export, swap)
    machine("there")
    assert "'face' in this export is not the one" in refusal(export)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unet/model.bin", "a pickled file"),
        ("pipeline.py", "is never run"),
        ("../../outside.safetensors", "not a relative path"),
        ("/etc/outside.safetensors", "not a relative path"),
    ],
)
def test_a_hostile_name_is_refused(
    export: Path, machine: Machine, tmp_path: Path, name: str, said: str
) -> None:
    def add(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["models"]["picture"]["files"][name] = pin(WEIGHTS)
        members[f"models/picture/{name}"] = WEIGHTS

    rewrite(export, add)
    machine("there")
    assert said in refusal(export)
    assert not list(tmp_path.rglob("outside*"))


def test_a_link_in_place_of_a_file_is_refused(
    export: Path, machine: Machine, tmp_path: Path
) -> None:
    with tarfile.open(export) as bundle:
        manifest = bundle.extractfile(MANIFEST).read()  # type: ignore[union-attr]
    with tarfile.open(export, "w") as bundle:
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(manifest)
        bundle.addfile(info, io.BytesIO(manifest))
        link = tarfile.TarInfo("models/face/a.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        bundle.addfile(link)
    machine("there")
    assert "not a whole export" in refusal(export)


@pytest.mark.parametrize("revision", ["", "main", "../../../x"])
def test_a_hub_model_without_a_commit_is_refused(
    export: Path, machine: Machine, revision: str
) -> None:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["models"]["picture"]["revision"] = revision

    rewrite(export, change)
    machine("there")
    refusal(export)
    assert not (cache_root() / "hub").exists()
