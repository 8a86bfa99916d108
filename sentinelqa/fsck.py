"""Whether a run directory is what its ledger says, and how to mend it where it is not.

The ledger is the truth: it is checked against itself first. Images, deliveries and tables are then
checked against it, byte by byte. Everything but the ledger can be made again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from sentinelqa import images
from sentinelqa.errors import JobError, LedgerError, UsageError
from sentinelqa.files import leftovers
from sentinelqa.ledger import CandidateRecord, Ledger, LedgerReader
from sentinelqa.ledger.audit import audit
from sentinelqa.ledger.connection import RunLock
from sentinelqa.pipeline import rebuild_tables
from sentinelqa.pipeline.retention import thumbnail_path
from sentinelqa.report import write_report
from sentinelqa.rundir import RunDir
from sentinelqa.types import Outcome, candidate_id

Kind = Literal["ledger", "input", "image", "delivery", "stray", "table", "report", "leftover"]
TABLES = ("candidates", "requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as the ledger says.

    Attributes:
        subject: a candidate id, a request id, or a path relative to the run directory, as ``kind``
            has it.
        harmless: left behind by a crash; it costs disk space and nothing else.
    """

    kind: Kind
    subject: str
    what: str
    harmless: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.what}"


def check(path: Path) -> Iterator[Problem]:
    """Everything that is wrong with the run at ``path``; nothing is changed.

    While a run is going on, what it has not recorded yet is not looked at.

    Raises:
        JobError: there is no run at ``path``.
    """
    run = RunDir(path)
    if not run.exists:
        raise JobError(f"there is no run at {str(path)!r}")
    with ExitStack() as stack:
        going_on = not _hold(run, stack)
        try:
            reader = stack.enter_context(LedgerReader.open(run.ledger))
            damage = [Problem(kind="ledger", subject=s, what=w) for s, w in audit(reader)]
        except LedgerError as error:
            yield Problem(kind="ledger", subject=run.ledger.name, what=str(error))
            return
        yield from damage
        if any(p.subject == run.ledger.name for p in damage):
            return
        yield from _check_candidates(run, reader)
        yield from _check_deliveries(run, reader, going_on=going_on)
        if not going_on:
            yield from _check_strays(run, reader)
        if reader.finished:
            yield from _check_tables(run)
            yield from _check_report(run)


def repair(path: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Mend what can be mended, and return what cannot.

    Damaged images are removed and their candidates planned again, damaged deliveries are planned
    again (``sentinelqa run`` then makes them, the same as before); tables and report are written
    again; what a crash left behind is removed.

    Raises:
        LedgerError: another process is working on the run.
    """
    run = RunDir(path)
    by_kind: dict[Kind, list[str]] = {}
    left = []
    for problem in problems:
        if problem.kind in ("ledger", "input"):
            left.append(problem)
        else:
            by_kind.setdefault(problem.kind, []).append(problem.subject)
    if any(p.kind == "ledger" for p in left):
        return left
    with Ledger.open(run.ledger) as ledger, LedgerReader.open(run.ledger) as reader:
        damaged = by_kind.get("image", [])
        for lost in damaged:
            _remove(run.path / reader.image_path(lost))
        ledger.make_again(damaged)
        ledger.deliver_again(by_kind.get("delivery", []))
        for name in (*by_kind.get("stray", ()), *by_kind.get("leftover", ())):
            _remove(run.path / name)
        finished = ledger.finished
    if finished and not left and ("table" in by_kind or "report" in by_kind):
        rebuild_tables(run.path)
        write_report(run.path)
    return left


def _hold(run: RunDir, stack: ExitStack) -> bool:
    """Keep others from writing while we look. ``False`` when somebody is writing."""
    try:
        lock = RunLock(run.path)
    except LedgerError:
        return False
    stack.callback(lock.release)
    return True


def _check_candidates(run: RunDir, reader: LedgerReader) -> Iterator[Problem]:
    for record in reader.candidates():
        candidate, image = record.candidate, record.image
        if not candidate.round:
            continue
        if candidate.id != candidate_id(candidate.request_id, candidate.index):
            yield Problem(
                kind="ledger", subject=candidate.id, what="the id is not that of its request"
            )
        if record.verdict is not None and record.verdict.outcome is Outcome.PASS:
            for check_name in _not_passed(record):
                what = f"passed, although {check_name} did not"
                yield Problem(kind="ledger", subject=candidate.id, what=what)
        if image is None:
            continue
        what = _damage(run.path / image.path, image.sha256)
        if what and not (what == "missing" and _dropped(run, reader, record)):
            yield Problem(kind="image", subject=candidate.id, what=f"{image.path} is {what}")


def _not_passed(record: CandidateRecord) -> Iterator[str]:
    if record.verdict is not None:
        for one in record.verdict.checks:
            if one.outcome not in (None, Outcome.PASS):
                yield one.name


def _dropped(run: RunDir, reader: LedgerReader, record: CandidateRecord) -> bool:
    """Whether the job's ``keep`` replaced the pixels by a thumbnail."""
    if record.place is not None or record.image is None:
        return False
    sharing = reader.sharing_image(record.image.sha256)
    return any(thumbnail_path(run, other).is_file() for other in sharing)


def _damage(path: Path, sha256: str) -> str:
    if not path.is_file():
        return "missing"
    return "" if images.sha256_of_file(path) == sha256 else "not what was stored"


def _check_deliveries(run: RunDir, reader: LedgerReader, *, going_on: bool) -> Iterator[Problem]:
    known: set[str] = set()
    for record in reader.deliveries():
        folder = run.delivered / record.request_id
        known.add(record.request_id)
        expected = set()
        damaged = []
        for place, (winner, sha256) in enumerate(record.files, start=1):
            picture, evidence = folder / f"{place:02d}.png", folder / f"{place:02d}.json"
            expected |= {picture, evidence}
            if what := _damage(picture, sha256):
                damaged.append(f"{picture.name} is {what}")
            if what := _bad_evidence(evidence, winner, sha256):
                damaged.append(f"{evidence.name} {what}")
        damaged += [f"{p.name} does not belong here" for p in _files(folder) - expected]
        if damaged:
            yield Problem(kind="delivery", subject=record.request_id, what=", ".join(damaged))
    if going_on or not run.delivered.is_dir():
        return
    for folder in run.delivered.iterdir():
        if folder.name not in known and any(_files(folder) or [folder.is_file()]):
            yield Problem(
                kind="stray",
                subject=str(folder.relative_to(run.path)),
                what="delivered for no request that is delivered",
                harmless=not reader.finished,
            )


def _bad_evidence(path: Path, winner: str, sha256: str) -> str:
    try:
        evidence: Mapping[str, Any] = json.loads(path.read_bytes())
        named = (evidence["candidate"]["id"], evidence["sha256"])
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError, KeyError, TypeError):
        return "cannot be read"
    return "" if named == (winner, sha256) else "is that of another image"


def _files(folder: Path) -> set[Path]:
    return set(folder.iterdir()) if folder.is_dir() else set()


def _check_strays(run: RunDir, reader: LedgerReader) -> Iterator[Problem]:
    for path in sorted((run.path / images.FOLDER).glob("*/*.png")):
        if not reader.sharing_image(path.parent.name + path.stem):
            what = "an image that nothing refers to"
            yield _leftover(run, path, what)
    for path in sorted({*leftovers(run.path), *_files(run.scratch)}):
        yield _leftover(run, path, "a file that was being written")


def _leftover(run: RunDir, path: Path, what: str) -> Problem:
    subject = str(path.relative_to(run.path))
    return Problem(kind="leftover", subject=subject, what=what, harmless=True)


def _check_tables(run: RunDir) -> Iterator[Problem]:
    """Write the tables a second time, elsewhere, and compare."""
    with tempfile.TemporaryDirectory(prefix="sentinelqa-") as name:
        again = RunDir(Path(name))
        for original in (run.ledger, run.job, run.rubric):
            (again.path / original.name).symlink_to(original.absolute())
        try:
            rebuild_tables(again.path)
        except (UsageError, OSError) as error:
            what = f"the job or the rubric of the run cannot be read: {error}"
            yield Problem(kind="input", subject=run.rubric.name, what=what)
            return
        for table in TABLES:
            for suffix, equal in ((".csv", _equal_bytes), (".parquet", _equal_tables)):
                ours, theirs = (r.table(table).with_suffix(suffix) for r in (run, again))
                if not ours.is_file():
                    yield Problem(kind="table", subject=ours.name, what="missing")
                elif not equal(ours, theirs):
                    yield Problem(kind="table", subject=ours.name, what="not what the ledger says")


def _equal_bytes(first: Path, second: Path) -> bool:
    return images.sha256_of_file(first) == images.sha256_of_file(second)


def _equal_tables(first: Path, second: Path) -> bool:
    try:
        return bool(pq.read_table(first).equals(pq.read_table(second)))
    except (OSError, pa.ArrowException):
        return False


def _check_report(run: RunDir) -> Iterator[Problem]:
    if not run.report.is_file():
        yield Problem(kind="report", subject=run.report.name, what="missing")
        return
    with run.report.open("rb") as file:
        file.seek(max(0, run.report.stat().st_size - 64))
        if not file.read().rstrip().endswith(b"</html>"):
            yield Problem(kind="report", subject=run.report.name, what="cut short")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
