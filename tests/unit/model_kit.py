"""For tests of models: a registry, shipped files, archives and a hub, all small and all real."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

REVISION = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 40
LICENCES = {
    "Free-1.0": {"name": "Free", "commercial": "yes"},
    "Research-1.0": {"name": "Research only", "commercial": "no"},
    "Small-1.0": {"name": "Small firms", "commercial": "conditional", "condition": "revenue"},
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pin(data: bytes, member: str = "") -> dict[str, Any]:
    return {"sha256": sha256(data), "size": len(data), **({"member": member} if member else {})}


def entry(
    source: dict[str, Any],
    files: dict[str, Any] | None = None,
    *,
    task: str = "text-to-image",
    loader: str = "diffusers",
    licence: str = "Free-1.0",
) -> dict[str, Any]:
    return {
        "task": task,
        "loader": loader,
        "summary": "for a test",
        "source": source,
        "licence": licence,
        "licence_source": "the test",
        "files": files or {},
    }


class _Plain(yaml.SafeDumper):
    """Writes everything out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_registry(path: Path, models: dict[str, Any], features: Any = None) -> Path:
    document = {"version": 1, "licences": LICENCES, "features": features or {}, "models": models}
    path.write_text(yaml.dump(document, Dumper=_Plain, sort_keys=False), encoding="utf-8")
    return path


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def make_wheel(folder: Path, files: dict[str, bytes], *, name: str = "carrier") -> Path:
    """A wheel that pip accepts, with ``files`` inside."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as bundle:
        for member, data in files.items():
            bundle.writestr(member, data)
        bundle.writestr(f"{info}/METADATA", metadata)
        bundle.writestr(f"{info}/WHEEL", wheel)
        bundle.writestr(f"{info}/RECORD", "")
    return path


def make_sdist(folder: Path, files: dict[str, bytes], *, name: str = "carrier") -> Path:
    """A source distribution that pip accepts, with ``files`` inside."""
    path = folder / f"{name}-1.0.tar.gz"
    metadata = f"Metadata-Version: 1.1\nName: {name}\nVersion: 1.0\n".encode()
    with tarfile.open(path, "w:gz") as bundle:
        for member, data in {"PKG-INFO": metadata, **files}.items():
            info = tarfile.TarInfo(f"{name}-1.0/{member}")
            info.size = len(data)
            bundle.addfile(info, BytesIO(data))
    return path


def pypi_source(archive: Path, *, name: str = "carrier") -> dict[str, Any]:
    return {
        "kind": "pypi",
        "distribution": name,
        "version": "1.0",
        "archive": archive.name,
        "sha256": sha256(archive.read_bytes()),
        "size": archive.stat().st_size,
    }


@contextmanager
def hub(files: dict[str, bytes], *, serve: dict[str, bytes] | None = None) -> Iterator[str]:
    """A server that answers as the hub does for the repository ``owner/name``.

    ``serve`` replaces what is sent for a file, while its hash is said to be the right one.
    """
    handler = type("Handler", (_Hub,), {"files": files, "sent": {**files, **(serve or {})}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]
    sent: dict[str, bytes]

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if "/resolve/" in path:
            name = path.split(f"/resolve/{REVISION}/")[-1]
            self._answer(self.sent[name], etag=self._hash(name))
        elif "/tree/" in path:
            rows = [
                {"type": "file", "path": n, "size": len(d), **self._names(n, "oid", "oid")}
                for n, d in self.files.items()
            ]
            self._answer(json.dumps(rows).encode())
        elif path.startswith("/api/models/owner/name"):
            rows = [
                {"rfilename": n, "size": len(d), **self._names(n, "blobId", "sha256")}
                for n, d in self.files.items()
            ]
            info = {"id": "owner/name", "sha": REVISION, "siblings": rows, "tags": []}
            self._answer(json.dumps(info).encode())
        else:
            self._answer(b"{}", 404, error="RepoNotFound")

    do_HEAD = do_GET  # noqa: N815 - the base class's name

    def _names(self, name: str, git: str, large: str) -> dict[str, Any]:
        data = self.files[name]
        names: dict[str, Any] = {git: hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
        if name.endswith(".safetensors"):
            names["lfs"] = {large: sha256(data), "size": len(data), "pointerSize": 130}
        return names

    def _hash(self, name: str) -> str:
        names = self._names(name, "git", "sha256")
        found: str = names["lfs"]["sha256"] if "lfs" in names else names["git"]
        return found

    def _answer(self, body: bytes, status: int = 200, *, etag: str = "", error: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", REVISION)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing on standard error."""
