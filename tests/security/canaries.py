"""Row 13: secrets that are known to a run are in nothing that it writes. ``figures`` counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

KEY = "CANARY-key-1f0e"
ADDRESS = "CANARY-address-2a9c"
BODY = "CANARY-body-77b1"
CLOUD = "CANARY-cloud-5d3e"
CANARIES = (KEY, ADDRESS, BODY, CLOUD)

RUBRIC = """\
name: judged
version: 1
tiers:
  generic:
    sharpness: {min: 0.0}
  custom:
    - name: asked
      ask: Is this a disc?
      severity: warn
"""
JOB = """\
name: canaries
requests: requests.csv
generator: {model: fake, width: 32, height: 32, steps: 1}
rubric: rubric.yaml
deliver: 2
candidates: {first: 6, max: 6, batch: 3}
"""


def answers() -> Iterator[tuple[int, str, str]]:
    """What a provider says: status, reason phrase, body. Each repeats secrets."""
    said = f"{BODY} {KEY}"
    wrong = json.dumps({"error": {"message": f"invalid key {KEY}", "detail": said}})
    yes = json.dumps({"choices": [{"message": {"content": "yes"}}], "note": said})
    talk = json.dumps({"choices": [{"message": {"content": said}}]})
    return cycle(
        [
            (401, f"{BODY}", wrong),
            (200, "OK", talk),
            (500, "OK", wrong),
            (200, "OK", yes),
            (200, "OK", f"{said} is not JSON"),
            (302, "Found", said),
            (200, "OK", json.dumps({"choices": said})),
            (-1, said, ""),
        ]
    )


@contextmanager
def provider() -> Iterator[str]:
    """A judge that repeats what it was sent, in every way in which servers do."""
    lock, said = threading.Lock(), answers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                status, phrase, body = next(said)
            if status < 0:
                self.wfile.write(f"{phrase}\r\n\r\n".encode())
                return
            self.send_response(status, phrase)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", f"http://127.0.0.1:9/{body[:40]}")
            self.send_header("X-Request", body[:100])
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def figures(folder: Path, *, full: bool = False, weaken: str = "") -> dict[str, int]:
    """Run a job, score what it made, and fail in every way that writes; count files with secrets.

    Args:
        full: every command; else the run and one refusal.
        weaken: a statement that takes a defence away in the command's process and its workers.
    """
    folder.mkdir(exist_ok=True)
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "job.yaml").write_text(JOB)
    (folder / "requests.csv").write_text("id,prompt\na,a red disc\nb,a blue disc\n")
    rubric = ("--rubric", "rubric.yaml")
    with provider() as judge:
        plain = {"SENTINELQA_JUDGES": f"{judge} model"}
        host = judge.removeprefix("http://")
        leaky = {"SENTINELQA_JUDGES": f"http://user:{ADDRESS}@{host}?key={ADDRESS} model"}
        wrong = {"SENTINELQA_JUDGES": f"{ADDRESS} {KEY}"}
        asked: list[tuple[Mapping[str, str], tuple[str, ...]]] = [
            (plain, ("-v", "run", "job.yaml", "--out", "run")),
            (plain, ("-v", "score", "run/images", *rubric, "--out", "scored", "--json")),
            (leaky, ("score", "run/images", *rubric, "--out", "leaky", "--json")),
            (wrong, ("score", "run/images", *rubric, "--out", "wrong", "--json")),
            ({}, ("score", f"s3://{ADDRESS}:{CLOUD}@bucket/a.png", *rubric)),
            ({}, ("score", f"memory://a/b.png?token={ADDRESS}", *rubric)),
            ({}, ("score", f"https://h/a.png?sig={ADDRESS}", *rubric)),
            (plain, ("doctor",)),
        ]
        if not full:
            asked = [asked[0], asked[4]]
        for number, (environment, arguments) in enumerate(asked):
            _command(folder, number, environment, arguments, weaken)
    written = [p for p in folder.rglob("*") if p.is_file() and p.name != "sitecustomize.py"]
    hits = [p for p in written if any(c.encode() in p.read_bytes() for c in CANARIES)]
    return {
        "files": len(written),
        "commands": len(asked),
        "delivered": len(list((folder / "run" / "delivered").rglob("*.json"))),
        "files with secrets": len(hits),
    }


def violations(found: Mapping[str, int]) -> list[str]:
    """The goals that are missed."""
    missed = ["files with secrets"] if found["files with secrets"] else []
    return missed if found["delivered"] else [*missed, "nothing was delivered"]


def _command(
    folder: Path,
    number: int,
    environment: Mapping[str, str],
    arguments: tuple[str, ...],
    weaken: str,
) -> None:
    """Run a command; what it prints is kept in files, and is searched like the others."""
    (folder / "sitecustomize.py").write_text(weaken)
    known = {
        "SENTINELQA_JUDGE_KEY": KEY,
        "AWS_SECRET_ACCESS_KEY": CLOUD,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join((str(folder), str(Path(__file__).parents[2]))),
    }
    with (folder / f"printed-{number}").open("wb") as printed:
        subprocess.run(
            [sys.executable, "-m", "sentinelqa", *arguments],
            cwd=folder,
            env={**os.environ, **known, **environment},
            stdout=printed,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=200,
        )
