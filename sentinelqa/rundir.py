"""One run, one directory: what lies where, and whether an existing one may be gone on with."""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sentinelqa.errors import JobError, RunError
from sentinelqa.files import write_atomically
from sentinelqa.terminal import OneLine

FREE_BYTES = 512 * 1024 * 1024
"""A run does not start with less free disk than this."""


@dataclass(frozen=True, slots=True)
class RunDir:
    """The paths of a run."""

    path: Path

    @property
    def job(self) -> Path:
        return self.path / "job.yaml"

    @property
    def rubric(self) -> Path:
        return self.path / "rubric.yaml"

    @property
    def facts(self) -> Path:
        """How the run was made, as JSON."""
        return self.path / "facts.json"

    @property
    def early_rejection(self) -> Path:
        """What looking at candidates half way saved, and how often it was wrong."""
        return self.path / "early_rejection.json"

    @property
    def pooling(self) -> Path:
        """Which column of the requests told pass rates apart, as JSON."""
        return self.path / "pooling.json"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.sqlite"

    @property
    def scratch(self) -> Path:
        """Raw pixels on their way from a generator to a scorer, and files being written."""
        return self.path / "tmp"

    @property
    def thumbnails(self) -> Path:
        return self.path / "thumbnails"

    @property
    def delivered(self) -> Path:
        return self.path / "delivered"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        return self.path / "run.log"

    def table(self, name: str) -> Path:
        """Path of a table without its suffix: ``candidates`` or ``requests``."""
        return self.path / name

    @property
    def exists(self) -> bool:
        """Whether a run lies here."""
        return self.ledger.is_file()

    def prepare(self) -> None:
        """Make the folders. Nothing is removed: another process may be at work here.

        Raises:
            JobError: something else lies in the place of the folder or its ledger, or it may not
                be written.
            RunError: the disk is full or failing.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.scratch.mkdir(exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise JobError(
                f"the run directory cannot be made: {error.strerror}",
                where=str(self.path),
                remedy="name another one with --out",
            ) from error
        except OSError as error:
            raise RunError(f"the run directory {self.path} cannot be written: {error}") from error
        if self.ledger.exists() and not self.exists:
            raise JobError(
                "this is no run directory: its ledger is no file",
                where=str(self.ledger),
                remedy="name another one with --out",
            )
        free = shutil.disk_usage(self.path).free
        if free < FREE_BYTES:
            raise RunError(
                f"only {free / 1e6:.0f} MB are free at {self.path}; "
                f"at least {FREE_BYTES / 1e6:.0f} MB are needed"
            )


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Copy what SentinelQA logs to a file. Control characters cannot forge lines in it."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("sentinelqa")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


def fresh(path: Path) -> Path:
    """``path``, or the first of ``path-2``, ``path-3``... that is not there yet."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def fingerprint(**parts: Any) -> str:
    """The sha256 of everything that decides what a run makes, in canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def write_inputs(run: RunDir, job: Mapping[str, Any], rubric: str) -> None:
    """Write the resolved job and rubric into the run directory."""
    write_atomically(run.job, as_yaml(job).encode())
    write_atomically(run.rubric, rubric.encode())


def refuse_other_job(run: RunDir, job: Mapping[str, Any], rubric: str) -> JobError:
    """The error for a directory that holds another job, with the difference."""
    differences = [
        *_difference(run.job, as_yaml(job)),
        *_difference(run.rubric, rubric),
    ] or ["(the files are equal: requests, images, a model or a scorer changed)"]
    return JobError(
        "this directory holds a run of another job; going on with it would mix the two\n"
        + "\n".join(f"    {line}" for line in differences[:40]),
        where=str(run.path),
        remedy="--fresh starts over in a new directory; --out DIR chooses another one",
    )


def as_yaml(values: Mapping[str, Any]) -> str:
    """YAML in the order of the keys, for people and for reading back."""
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)


def _difference(path: Path, new: str) -> list[str]:
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    return list(
        difflib.unified_diff(
            old.splitlines(),
            new.splitlines(),
            f"{path.name} (as it ran)",
            f"{path.name} (now)",
            lineterm="",
            n=1,
        )
    )
