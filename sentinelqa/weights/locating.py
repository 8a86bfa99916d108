"""Where the files of a model are on this machine. Nothing here uses the network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sentinelqa.errors import DependencyError, ModelError
from sentinelqa.shipped import shipped
from sentinelqa.weights.cache import cache_root, model_folder
from sentinelqa.weights.hashing import manifest_of
from sentinelqa.weights.hub import find_snapshot, read_record
from sentinelqa.weights.schema import HubSource, ModelYaml, PinnedFile

_NOT_WEIGHTS = ("readme", "licen", "notice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A model's files.

    Attributes:
        root: the folder that the names are relative to.
        files: names, with forward slashes.
        pins: what the files must be; empty where nothing was pinned.
        remedy: what to do when a file is missing or altered.
        revision: 40 hexadecimal digits, a version, or empty.
    """

    root: Path
    files: tuple[str, ...]
    pins: dict[str, PinnedFile]
    remedy: str = ""
    revision: str = ""


def locate(name: str, model: ModelYaml) -> Located:
    """The files of a registered model.

    Raises:
        ModelError: they are not here.
        DependencyError: they come with a package that is not installed.
    """
    source, pins = model.source, dict(model.files)
    if source.kind == "hub":
        located = locate_hub(name, source, model.loader)
        return replace(located, files=tuple(sorted(pins)), pins=pins) if pins else located
    if source.kind == "shipped":
        root = shipped(source.path)
        remedy = "install sentinelqa again: its own files are not complete"
    elif source.kind == "pypi":
        root = model_folder(name, pinned_manifest(model))
        remedy = f"sentinelqa models pull {name}"
    elif source.kind == "package":
        root = _site_packages(name, source.distribution, source.extra) / source.path
        remedy = f"pip install --force-reinstall '{source.distribution}=={source.version}'"
    else:
        root = manual_folder(name)
        remedy = f"fetch it yourself from {source.page} and put its files into that folder"
    if not root.is_dir():
        raise ModelError(f"model {name!r} is not here", where=str(root), remedy=remedy)
    files = tuple(sorted(pins)) if source.kind in ("pypi", "package") else files_of(root)
    revision = source.version if source.kind in ("pypi", "package") else ""
    return Located(root=root, files=files, pins=pins, remedy=remedy, revision=revision)


def locate_hub(name: str, source: HubSource, loader: str) -> Located:
    """The snapshot of a hub repository, and the hashes that were written down when it came.

    Raises:
        ModelError: it is not here.
        DependencyError: huggingface_hub is not installed.
    """
    root, files = find_snapshot(name, source, loader)
    pins = read_record(source.repository, root.name)
    remedy = f"delete it and fetch it again: sentinelqa models pull {name}"
    return Located(root=root, files=files, pins=pins, remedy=remedy, revision=root.name)


def manual_folder(name: str) -> Path:
    """Where the user puts a model that only a person can fetch."""
    return cache_root() / "manual" / name


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


def _site_packages(name: str, package: str, extra: str) -> Path:
    try:
        return Path(str(distribution(package).locate_file("")))
    except PackageNotFoundError as error:
        raise DependencyError(
            f"model {name!r} comes with the package {package!r}, which is not installed",
            remedy=f"pip install 'sentinelqa[{extra}]'",
        ) from error
