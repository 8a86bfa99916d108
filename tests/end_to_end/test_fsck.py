"""``sentinelqa fsck``: seeded corruptions are found, and mended exactly where they can be."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import JOB, RUBRIC

from sentinelqa import fsck
from sentinelqa.cli.fsck import fsck as command
from sentinelqa.errors import JobError
from sentinelqa.job import load_job
from sentinelqa.ledger import Ledger
from sentinelqa.pipeline import run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a job and its finished run in ``out``."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "job.yaml").write_text(JOB)
    (folder / "requests.csv").write_text("id,colour\na,red\nb,blue\n")
    run(load_job(folder / "job.yaml"), out=folder / "out", engine="inline")
    return folder


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(finished / "out", tmp_path / "out"))


def first(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def delivered_image(out: Path) -> Path:
    """The candidate file behind a delivery."""
    (path,) = (
        sqlite3.connect(out / "ledger.sqlite")
        .execute("SELECT path FROM candidate c JOIN delivery d ON d.candidate = c.key LIMIT 1")
        .fetchone()
    )
    return out / path


def flip(path: Path, at: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def edit(out: Path, sql: str) -> None:
    db = sqlite3.connect(out / "ledger.sqlite")
    assert db.execute(sql).rowcount > 0
    db.commit()
    db.close()


def overwrite_page(out: Path) -> None:
    path = out / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = bytes(64)
    path.write_bytes(bytes(content))


CORRUPTIONS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a bit of an image": ("image", lambda out: flip(first(out, "images/*/*.png"))),
    "an image gone": ("image", lambda out: delivered_image(out).unlink()),
    "a delivered bit": ("delivery", lambda out: flip(out / "delivered/a/01.png")),
    "a delivery gone": ("delivery", lambda out: (out / "delivered/b/02.png").unlink()),
    "evidence of another": (
        "delivery",
        lambda out: shutil.copy(out / "delivered/b/01.json", out / "delivered/a/01.json"),
    ),
    "a foreign file": ("delivery", lambda out: (out / "delivered/a/03.png").touch()),
    "a foreign request": (
        "stray",
        lambda out: shutil.copytree(out / "images", out / "delivered/z"),
    ),
    "an edited cell": (
        "table",
        lambda out: (out / "candidates.csv").write_text(
            (out / "candidates.csv").read_text().replace(",pass,", ",fail,", 1)
        ),
    ),
    "half a table": (
        "table",
        lambda out: (out / "requests.parquet").write_bytes(
            (out / "requests.parquet").read_bytes()[:-99]
        ),
    ),
    "an empty rubric": ("input", lambda out: (out / "rubric.yaml").write_text("")),
    "half a report": (
        "report",
        lambda out: (out / "report.html").write_bytes((out / "report.html").read_bytes()[:500]),
    ),
    "a verdict turned": (
        "ledger",
        lambda out: edit(
            out,
            "UPDATE verdict SET outcome = 'fail' WHERE candidate IN"
            " (SELECT candidate FROM delivery)",
        ),
    ),
    "a fail passed": (
        "ledger",
        lambda out: edit(out, "UPDATE verdict SET outcome = 'pass' WHERE outcome = 'fail'"),
    ),
    "a score raised": ("table", lambda out: edit(out, "UPDATE measurement SET score = 0.999")),
    "a delivery struck out": (
        "ledger",
        lambda out: edit(out, "DELETE FROM delivery WHERE place = 1"),
    ),
    "pages overwritten": ("ledger", overwrite_page),
}
MENDABLE = [
    n
    for n, (kind, _) in CORRUPTIONS.items()
    if kind not in ("ledger", "input") and n != "a score raised"
]


def content(out: Path) -> dict[str, bytes]:
    """Deliverables and images, byte for byte."""
    files = [*(out / "delivered").rglob("*"), *(out / "images").rglob("*")]
    return {str(p.relative_to(out)): p.read_bytes() for p in files if p.is_file()}


def test_a_finished_run_is_clean(out: Path) -> None:
    assert list(fsck.check(out)) == []
    assert CliRunner().invoke(command, [str(out)], standalone_mode=False).return_value == 0


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_is_found(name: str, out: Path) -> None:
    kind, corrupt = CORRUPTIONS[name]
    corrupt(out)
    assert kind in {p.kind for p in fsck.check(out) if not p.harmless}
    result = CliRunner().invoke(command, [str(out), "--json"], standalone_mode=False)
    assert result.return_value == 1
    assert not json.loads(result.output)["ok"]


@pytest.mark.parametrize("name", MENDABLE)
def test_what_was_damaged_is_made_again_the_same(name: str, finished: Path, out: Path) -> None:
    CORRUPTIONS[name][1](out)
    assert fsck.repair(out, list(fsck.check(out))) == []
    run(load_job(finished / "job.yaml"), out=out, engine="inline")
    assert list(fsck.check(out)) == []
    assert content(out) == content(finished / "out")


def test_what_a_crash_leaves_behind_is_harmless_and_goes(out: Path) -> None:
    orphan = out / "images/ab" / f"{'c' * 62}.png"
    orphan.parent.mkdir(exist_ok=True)
    orphan.touch()
    half = out / ".candidates.csv.1234.part"
    half.touch()
    found = list(fsck.check(out))
    assert {p.kind for p in found} == {"leftover"}
    assert all(p.harmless for p in found)
    assert CliRunner().invoke(command, [str(out)], standalone_mode=False).return_value == 0
    fsck.repair(out, found)
    assert not orphan.exists()
    assert not half.exists()
    assert list(fsck.check(out)) == []


def test_a_damaged_ledger_is_said_not_mended(out: Path) -> None:
    overwrite_page(out)
    before = (out / "ledger.sqlite").read_bytes()
    result = CliRunner().invoke(command, [str(out), "--repair"], standalone_mode=False)
    assert result.return_value == 1
    assert "cannot be mended" in result.output
    assert (out / "ledger.sqlite").read_bytes() == before


def test_a_run_that_goes_on_can_be_checked(out: Path) -> None:
    with Ledger.open(out / "ledger.sqlite"):
        (out / "images/00").mkdir(exist_ok=True)
        (out / f"images/00/{'c' * 62}.png").touch()
        assert list(fsck.check(out)) == []


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is no run"):
        list(fsck.check(tmp_path))
