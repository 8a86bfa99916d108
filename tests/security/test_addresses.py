"""No address in a table, a folder or an answer makes this machine call another."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from fsspec import AbstractFileSystem

from sentinelqa.features import judge_client
from sentinelqa.sources import addresses as sources
from tests.security.addresses import Watch, figures, vectors, violations


def test_nothing_is_called(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    found = figures(tmp_path)
    for name, value in found.items():
        record_property(name, round(value, 1))
    assert found["addresses"] >= 60
    assert violations(found) == [], found


def test_the_watch_sees_inner_and_outer_connections() -> None:
    watch = Watch()
    with watch.watching():
        for address in ("http://0x7f000001/", "http://rebinding.example/", "http://8.8.8.8/"):
            with pytest.raises(OSError, match="nobody"):
                urllib.request.urlopen(address, timeout=5)
    assert (len(watch.private), len(watch.public)) == (2, 1)


def test_the_harness_notices_redirects_that_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    monkeypatch.setattr(judge_client, "_OPENER", careless)
    assert "inner connections" in violations(figures(tmp_path))


class Careless(AbstractFileSystem):
    """Reads from the web, as fsspec's own file system for it does."""

    def isdir(self, path: str) -> bool:
        return False

    def exists(self, path: str, **_: object) -> bool:
        return bool(self._open(path))

    def _open(self, path: str, *_: object, **__: object) -> object:
        return urllib.request.urlopen(f"http://{path}", timeout=5)


def test_the_harness_notices_protocols_that_are_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.register_implementation("dav", Careless, clobber=True)
    monkeypatch.setitem(sources.PROTOCOLS, "dav", "")
    assert "dav://127.0.0.1/a.png" in vectors()
    assert "inner connections" in violations(figures(tmp_path))
