"""Addresses of images: which are read at all, and copying what stands behind one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from sentinelqa.errors import JobError
from sentinelqa.registry import missing_package

PROTOCOLS = {"file": "", "memory": "", "s3": "s3", "s3a": "s3", "gs": "gcsfs", "gcs": "gcsfs"}
"""URL protocols that images are read from, and what each needs. http is left out on purpose: a
URL in somebody's table must not make this machine call whatever address it names."""

MAX_BYTES = 64 * 2**20
_CHUNK = 2**20
_CREDENTIALS = re.compile(r"^[^/]*@|[?&;][\w.-]+=")
_PLAIN_HEAD = 60


def is_address(path: str) -> bool:
    """Whether it names an image by protocol rather than a path of this machine."""
    return "://" in path


def local_path(url: str) -> str | None:
    """The path in a ``file://`` address; ``None`` for every other protocol.

    Raises:
        JobError: it names another machine.
    """
    protocol, _, rest = url.partition("://")
    if protocol.lower() != "file":
        return None
    if not rest.startswith("/"):
        raise JobError(
            "a file:// address names a file of this machine: file:///folder/name.png",
            where=shown(url),
        )
    return rest


def filesystem_of(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of an address, and the name within it. Nothing is asked yet.

    Raises:
        JobError: a protocol that is not allowed, one address inside another, or credentials.
    """
    protocol, _, rest = url.partition("://")
    protocol = protocol.lower()
    if protocol not in PROTOCOLS:
        raise JobError(
            f"images are not read from {protocol[:_PLAIN_HEAD]}:// addresses",
            where=shown(url),
            remedy=f"one of {', '.join(p + '://' for p in PROTOCOLS)}, or a downloaded copy",
        )
    if "::" in rest or "://" in rest:
        raise JobError("one address stands inside another", where=shown(url))
    if _CREDENTIALS.search(rest):
        raise JobError(
            "the address holds credentials or a query, which would stand in the tables and report",
            where=shown(url),
            remedy="give credentials to the storage's own configuration, and a plain address here",
        )
    import fsspec

    try:
        return fsspec.core.url_to_fs(f"{protocol}://{rest}")  # type: ignore[no-any-return]
    except ImportError as error:
        raise missing_package(f"reading {protocol}://", "s3fs", PROTOCOLS[protocol]) from error


def fetch(url: str, into: Path, max_bytes: int = MAX_BYTES) -> Path:
    """Copy what stands behind an address to a local file and return its path.

    The copy's name is made here: nothing of the address becomes part of a path.

    Raises:
        JobError: see :func:`filesystem_of`.
        OSError: it cannot be read, or is larger than ``max_bytes``.
    """
    filesystem, name = filesystem_of(url)
    target = into / hashlib.sha256(url.encode()).hexdigest()
    left = max_bytes
    with filesystem.open(name, "rb") as source, target.open("wb") as copy:
        while chunk := source.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise OSError(f"file_too_large: at most {max_bytes} bytes are read: {shown(url)}")
            copy.write(chunk)
    return target


def shown(url: str) -> str:
    """An address without what may be secret in it: user, password, query."""
    protocol, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    path = re.split(r"[?;&#]", path, maxsplit=1)[0]
    return f"{protocol}://{host.rpartition('@')[2].partition('?')[0]}{slash}{path}"
