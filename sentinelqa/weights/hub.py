"""Models of the Hugging Face hub: finding them on this machine, and fetching them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from sentinelqa.errors import ModelError
from sentinelqa.files import write_atomically
from sentinelqa.registry import missing_package
from sentinelqa.weights.cache import cache_root, disk_full, is_disk_full, offline
from sentinelqa.weights.formats import WEIGHTS, hub_patterns, wanted
from sentinelqa.weights.hashing import sha256_of
from sentinelqa.weights.schema import UNPINNED, HubSource, PinnedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a repository holds at one revision, as far as it would be fetched.

    Attributes:
        sizes: bytes per file.
        hashes: the hub's own hash per file: the SHA-256 of a large file, and of others what git
            calls it (40 digits: the SHA-1 of a header and the bytes).
    """

    repository: str
    revision: str
    sizes: dict[str, int]
    hashes: dict[str, str]


def hub_folder(repository: str) -> Path:
    """Where our own cache keeps what it knows of a repository."""
    return cache_root() / "hub" / repository.replace("/", "--")


def read_record(repository: str, revision: str) -> dict[str, PinnedFile]:
    """The hashes that were written down when a snapshot was fetched; empty without a record.

    Raises:
        ModelError: the record is damaged.
    """
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


def write_record(repository: str, revision: str, files: dict[str, PinnedFile]) -> None:
    """Write down what a snapshot must be from now on."""
    pins = {n: {"sha256": f.sha256, "size": f.size} for n, f in sorted(files.items())}
    text = json.dumps({"repository": repository, "revision": revision, "files": pins}, indent=1)
    write_atomically(hub_folder(repository) / f"{revision}.json", f"{text}\n".encode())


def find_snapshot(name: str, source: HubSource, loader: str) -> tuple[Path, tuple[str, ...]]:
    """The folder of a snapshot on this machine, and the names of its files that count.

    An imported snapshot in our own cache goes before Hugging Face's cache.

    Raises:
        ModelError: it is not here, or only a part of it.
        DependencyError: huggingface_hub is not installed.
    """
    revision = source.revision
    if revision == UNPINNED:
        revision = _last_pulled(source.repository)
    recorded = tuple(read_record(source.repository, revision)) if revision else ()
    imported = hub_folder(source.repository) / revision
    if recorded and imported.is_dir():
        return imported, recorded
    client = _client(name)
    allowed, left_out = hub_patterns(loader)
    try:
        folder = Path(
            client.snapshot_download(
                source.repository,
                revision=revision or None,
                local_files_only=True,
                allow_patterns=[escape(n) for n in recorded] or list(allowed),
                ignore_patterns=None if recorded else list(left_out),
            )
        )
    except client.errors.LocalEntryNotFoundError as error:
        raise ModelError(
            f"model {name!r} is not here, or only a part of it",
            where=source.describe(),
            remedy=_pull(name, revision),
        ) from error
    names = recorded or wanted(
        (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()), loader
    )
    if not any(Path(n).suffix in WEIGHTS for n in names):
        raise ModelError(
            f"what is here of model {name!r} holds no weights in safetensors or ONNX",
            where=str(folder),
            remedy=_pull(name, revision),
        )
    return folder, names


def list_snapshot(name: str, source: HubSource, loader: str) -> Snapshot:
    """Ask the hub what would be fetched. An unpinned source gets the newest revision's number.

    Raises:
        ModelError: no network, no such repository, its terms were not accepted, nothing to load.
    """
    client = _client(name)
    revision = None if source.revision == UNPINNED else source.revision
    with _mapped(client, name, source.repository):
        info = client.HfApi().model_info(source.repository, revision=revision, files_metadata=True)
    files = {f.rfilename: f for f in info.siblings or ()}
    names = wanted(files, loader)
    if not any(Path(n).suffix in WEIGHTS for n in names):
        raise ModelError(
            f"{source.repository!r} has no weights in safetensors or ONNX that {loader or 'we'} "
            "could load",
            where=source.describe(),
            remedy="pickled weights are never loaded: choose another repository, or convert them",
        )
    return Snapshot(
        repository=source.repository,
        revision=info.sha,
        sizes={n: files[n].size or 0 for n in names},
        hashes={n: files[n].lfs.sha256 if files[n].lfs else files[n].blob_id for n in names},
    )


def fetch_snapshot(name: str, snapshot: Snapshot) -> Path:
    """Fetch what :func:`list_snapshot` found, going on where an earlier attempt stopped.

    Every file is checked against the hub's own hash, and all hashes are written down, so that a
    later change of a file is seen.

    Raises:
        ModelError: no network, or a file that is not what the hub says it is.
        RunError: the disk is full.
    """
    client = _client(name)
    with _mapped(client, name, snapshot.repository):
        folder = Path(
            client.snapshot_download(
                snapshot.repository,
                revision=snapshot.revision,
                allow_patterns=[escape(n) for n in snapshot.sizes],
            )
        )
    files = {}
    for file, expected in snapshot.hashes.items():
        path = folder / file
        found = sha256_of(path) if len(expected) == 64 else _git_name(path)
        if found != expected:
            raise ModelError(
                f"{file!r} of {snapshot.repository} is not what the hub says it is: its hash is "
                f"{found}, and {expected} is expected",
                where=str(path.resolve()),
                remedy="delete the file and pull again",
            )
        files[file] = PinnedFile(sha256=sha256_of(path), size=path.stat().st_size)
    write_record(snapshot.repository, snapshot.revision, files)
    return folder


def _last_pulled(repository: str) -> str:
    """The revision of the snapshot that was pulled or imported last; empty when none was."""
    records = sorted(hub_folder(repository).glob("*.json"), key=lambda p: p.stat().st_mtime)
    return records[-1].stem if records else ""


def _git_name(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _client(name: str) -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError as error:
        raise missing_package(f"model {name!r}", "huggingface_hub", "generate") from error
    return huggingface_hub


@contextmanager
def _mapped(client: Any, name: str, repository: str) -> Iterator[None]:
    """Turn what the hub's client raises into our errors, with the remedy."""
    if variable := offline():
        raise ModelError(
            f"model {name!r} cannot be fetched: {variable} forbids the network",
            where=f"hub:{repository}",
            remedy=f"unset {variable}, or bring the model with: sentinelqa models import FILE",
        )
    errors = client.errors
    try:
        yield
    except errors.GatedRepoError as error:
        raise ModelError(
            f"model {name!r} is given only to people who accepted its terms",
            where=f"hub:{repository}",
            remedy="accept them on the model's page, and set HF_TOKEN to a token of that account",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise ModelError(
            f"the hub does not have {repository!r} at that revision, or does not show it to you",
            where=f"hub:{repository}",
            remedy="check the name; for a private one, set HF_TOKEN",
        ) from error
    except (errors.HTTPError, OSError) as error:
        if is_disk_full(error):
            raise disk_full(cache_root(), 0) from error
        raise ModelError(
            f"model {name!r} cannot be fetched: {error}",
            where=f"hub:{repository}",
            remedy="check the network and try again: what has arrived is kept; or bring the model "
            "with: sentinelqa models import FILE",
        ) from error


def _pull(name: str, revision: str) -> str:
    option = f" --revision {revision}" if revision and "/" in name else ""
    return f"sentinelqa models pull {name}{option}"
