"""Row 12, second part: addresses that would make this machine call others."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

from sentinelqa.errors import SentinelError
from sentinelqa.features import judge_client
from sentinelqa.features.judge import judges_of
from sentinelqa.sources.images import fetch, find_images
from sentinelqa.sources.requests import RequestDefaults, read_requests
from sentinelqa.weights import resolve

HOSTS = (
    *("127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1"),
    *("[::1]", "[::]", "[::ffff:10.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fe80::1]"),
    *("169.254.169.254", "169.254.170.2", "100.100.100.200", "100.64.0.1", "10.0.0.1"),
    *("192.168.0.1", "172.16.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "localhost"),
    *("LOCALHOST", "localhost.", "127.0.0.1.nip.io", "rebinding.example", "metadata.internal"),
    *("user:secret@127.0.0.1", "good.example@127.0.0.1", "good.example#@127.0.0.1", "127。0。0。1"),
    *("good.example\\@127.0.0.1", "127.0.0.1:22", "127.0.0.1%00.example", "①②⑦.⓪.⓪.①"),
)
SCHEMES = (
    *("http", "HTTP", "https", "ftp", "ftps", "gopher", "dict", "ldap", "tftp", "sftp", "ssh"),
    *("smb", "webhdfs", "hdfs", "git", "github", "jar", "data", "dav", "abfs", "hf", "oci"),
)
CHAINS = (
    *("file:///a.zip::http://127.0.0.1/a.zip", "memory://a::http://127.0.0.1/a"),
    *("simplecache::http://127.0.0.1/a.png", "zip://a.png::http://127.0.0.1/a.zip"),
    *("blockcache::https://10.0.0.1/a.png", "filecache::ftp://10.0.0.1/a.png"),
    *("reference://::http://127.0.0.1/r.json", "tar://a::http://127.0.0.1/a.tar"),
    *("file://127.0.0.1/a.png", "file://localhost/a.png", "//127.0.0.1/a.png"),
    *("memory://http://127.0.0.1/a.png", "s3://http://127.0.0.1/a.png", "http:/127.0.0.1/a"),
)


def vectors() -> tuple[str, ...]:
    """Every address that is tried."""
    return (
        *(f"http://{host}/a.png" for host in HOSTS),
        *(f"{scheme}://127.0.0.1/a.png" for scheme in SCHEMES),
        *CHAINS,
    )


@dataclass
class Watch:
    """A resolver and a network that let nobody out, and count who tried to reach a private place.

    Attributes:
        private: host and port of each attempt that was not allowed.
        allowed: the ports of this machine that the test itself serves.
    """

    allowed: set[int] = field(default_factory=set)
    private: list[str] = field(default_factory=list)
    public: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Stand between Python's sockets and the network."""
        kept = (socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex)
        real: Any = socket.socket.connect

        def resolve_name(host: Any, port: Any, *_: Any, **__: Any) -> Any:
            place = str(host or "127.0.0.1").strip("[]")
            try:
                address = str(ipaddress.ip_address(place))
            except ValueError:
                # every name is an inner one: the worst that a resolver can say
                address = "127.0.0.1"
            number = int(port) if str(port or 80).isdigit() else 80
            kind = socket.AF_INET6 if ":" in address else socket.AF_INET
            return [(kind, socket.SOCK_STREAM, 6, "", (address, number))]

        def connect(this: socket.socket, address: Any) -> None:
            if this.family == socket.AF_UNIX or address[1] in self.allowed:
                real(this, address)
                return
            self._count(str(address[0]), address[1])
            raise ConnectionRefusedError("nobody gets out of this test")

        socket.getaddrinfo = resolve_name
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.socket.connect_ex = connect  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex = kept  # type: ignore[method-assign]

    def _count(self, host: str, port: int) -> None:
        try:
            outer = ipaddress.ip_address(host).is_global
        except ValueError:
            outer = False
        (self.public if outer else self.private).append(f"{host}:{port}")


def figures(folder: Path) -> dict[str, int]:
    """Addresses tried at every door; connections to inner places, and to any place at all."""
    watch = Watch()
    with watch.watching(), Redirecting() as judge:
        watch.allowed.add(judge.port)
        unreported = sum(
            _tried(door, address, folder, judge)
            for address in vectors()
            for door in (_scored, _fetched, _reference, _model, _judge_address, _redirected)
        )
    return {
        "addresses": len(vectors()),
        "doors": 6,
        "inner connections": len(watch.private),
        "outer connections": len(watch.public),
        "not reported": unreported,
    }


def violations(found: dict[str, int]) -> list[str]:
    """The goals that are missed."""
    names = ("inner connections", "outer connections", "not reported")
    return [name for name in names if found[name]]


class Redirecting:
    """A judge that sends its visitors elsewhere. A context manager."""

    def __init__(self) -> None:
        self.target = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(302)
                self.send_header("Location", outer.target.encode("ascii", "ignore").decode())
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _tried(door: Any, address: str, folder: Path, judge: Redirecting) -> bool:
    """Whether it ended in anything but a report or a plain refusal."""
    try:
        door(address, folder, judge)
    except (SentinelError, OSError):
        return False
    return True


def _scored(address: str, folder: Path, judge: Redirecting) -> None:
    list(find_images([address]))


def _fetched(address: str, folder: Path, judge: Redirecting) -> None:
    fetch(address, folder)


def _reference(address: str, folder: Path, judge: Redirecting) -> None:
    path = folder / "requests.jsonl"
    row = {"id": "a", "prompt": "p", "references": [address]}
    path.write_text(json.dumps(row) + "\n")
    list(read_requests(path, RequestDefaults()))


def _model(address: str, folder: Path, judge: Redirecting) -> None:
    resolve(address, task="text-to-image", allow_unpinned=True)


def _judge_address(address: str, folder: Path, judge: Redirecting) -> None:
    """Only what an operator's environment may not say; web addresses are theirs to choose."""
    if address.startswith(("http://", "https://")):
        raise OSError("the operator's own choice")
    judges_of(f"{address} model")


def _redirected(address: str, folder: Path, judge: Redirecting) -> None:
    judge.target = address
    asked = judge_client.Judge(f"http://127.0.0.1:{judge.port}/v1", "model", timeout=5)
    judge_client.ask(asked, "key", "data:,", "a question?")
