"""The ledger: what goes in comes out, states change only as they may, a restart finds it all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_samples import (
    MADE,
    RUBRIC,
    candidates,
    deliver,
    judge,
    new_ledger,
    planned,
    request,
    result,
)

from sentinelqa.errors import JobError, LedgerError
from sentinelqa.ledger import Ledger, LedgerReader
from sentinelqa.ledger.states import LOST_LEASES
from sentinelqa.progress import Tally
from sentinelqa.retry import PassRate
from sentinelqa.types import Candidate, Outcome, Request, RequestOutcome, Selection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_what_was_recorded_is_read_back_unchanged(tmp_path: Path, path: Path) -> None:
    want = request(0, deliver=1)
    pair = candidates(want)
    with new_ledger(tmp_path, [want]) as ledger:
        ledger.plan_round(want.id, planned(want), pair)
        judge(ledger, pair[:1])
        judge(ledger, pair[1:], Outcome.FAIL)
        assert ledger.measurements_of(pair[0].id) == list(result(pair[0]).measurements)
        ((done, waiting),) = ledger.rounds_of(want.id)
        deliver(ledger, want, pair[:1])
        ledger.finish()
    with LedgerReader.open(path) as reader:
        first, second = reader.candidates()
        (record,) = reader.requests()
    assert waiting == []
    assert [j.verdict for j in done.judged] == [
        result(pair[0]).verdict,
        result(pair[1], Outcome.FAIL).verdict,
    ]
    assert (done.number, done.count, done.why) == (1, 2, "first round")
    assert first.candidate == pair[0]
    assert first.request == want
    assert first.verdict == result(pair[0]).verdict
    assert first.image == result(pair[0]).image
    assert first.phash == (1 << 63)
    assert (first.place, first.delivered_sha256, second.place) == (1, "d" * 64, None)
    assert (first.shape_planned, first.shape_actual) == (4, 2)
    assert sorted(first.measurements, key=lambda m: m.dimension) == list(
        result(pair[0]).measurements
    )
    assert record.outcome is RequestOutcome.DELIVERED
    assert (record.delivered, record.candidates, record.rounds) == (1, 2, 1)
    assert record.failures == {"sharpness": 1}
    assert record.seconds == pytest.approx(2 * (0.5 + 0.25))


def test_existing_images_are_read_back_and_judged(path: Path) -> None:
    wants = [Request(id=f"i{n}", prompt="p") for n in range(200)]
    images = [
        Candidate(id=f"{n:016x}", request_id=w.id, prompt="p", path=f"in/{n}.png")
        for n, w in enumerate(wants)
    ]
    with Ledger.create(path, fingerprint="f") as ledger:
        ledger.add_existing(zip(wants, images, strict=True))
        found = list(ledger.open_existing())
        assert found == list(zip(range(200), images, wants, strict=True))
        judge(ledger, images[:150])
        assert [c for _, c, _ in ledger.open_existing()] == images[150:]
        assert list(ledger.disposable_images(None)) == []
        judge(ledger, images[150:])
        ledger.finish()
        assert ledger.finished


def test_open_requests_are_read_while_the_run_writes(tmp_path: Path) -> None:
    wants = [request(n) for n in range(300)]
    seen = []
    with new_ledger(tmp_path, wants) as ledger:
        for position, want in ledger.open_requests():
            seen.append((position, want))
            pair = candidates(want)
            ledger.plan_round(want.id, planned(want), pair)
            judge(ledger, pair)
            deliver(ledger, want, pair[:1])
        assert list(ledger.open_requests()) == []
    assert seen == list(enumerate(wants))


def test_a_result_that_was_not_asked_for_or_comes_twice_is_dropped(tmp_path: Path) -> None:
    want = request(0)
    first, second = candidates(want)
    with new_ledger(tmp_path, [want]) as ledger:
        ledger.plan_round(want.id, planned(want), [first, second])
        assert ledger.record_scores([(result(first), MADE)], RUBRIC) == 0
        ledger.lease([first.id])
        assert ledger.record_scores([(result(first), MADE)], RUBRIC) == 1
        assert ledger.record_scores([(result(first, Outcome.FAIL), MADE)], RUBRIC) == 0
        ((done, waiting),) = ledger.rounds_of(want.id)
    assert [j.verdict.outcome for j in done.judged] == [Outcome.PASS]
    assert waiting == [second]


def test_a_lease_that_cannot_be_had_takes_none(tmp_path: Path) -> None:
    want = request(0)
    first, second = candidates(want)
    with new_ledger(tmp_path, [want]) as ledger:
        ledger.plan_round(want.id, planned(want), [first, second])
        judge(ledger, [first])
        with pytest.raises(LedgerError, match="judged already"):
            ledger.lease([second.id, first.id])
        assert ledger.record_scores([(result(second), MADE)], RUBRIC) == 0


def crash(ledger: Ledger) -> None:
    """Leave the ledger as a killed process does."""
    ledger.close(in_order=False)


def test_what_was_under_way_in_a_killed_run_is_planned_again(tmp_path: Path, path: Path) -> None:
    want = request(0)
    pair = candidates(want)
    ledger = new_ledger(tmp_path, [want])
    ledger.plan_round(want.id, planned(want), pair)
    judge(ledger, pair[:1])
    ledger.lease([pair[1].id])
    crash(ledger)
    with Ledger.open(path) as again:
        assert again.record_scores([(result(pair[1]), MADE)], RUBRIC) == 0
        ((done, waiting),) = again.rounds_of(want.id)
        assert [j.candidate for j in done.judged] == pair[:1]
        assert waiting == pair[1:]
        judge(again, pair[1:])
    with LedgerReader.open(path) as reader:
        assert [r.attempts for r in reader.candidates()] == [1, 2]
        assert reader.sessions == 2


def test_a_candidate_whose_runs_keep_dying_is_given_up_as_an_error(
    tmp_path: Path, path: Path
) -> None:
    want = request(0)
    pair = candidates(want)
    ledger = new_ledger(tmp_path, [want])
    ledger.plan_round(want.id, planned(want), pair)
    for _ in range(LOST_LEASES):
        ledger.lease([pair[0].id])
        crash(ledger)
        ledger = Ledger.open(path)
    with ledger:
        ((done, waiting),) = ledger.rounds_of(want.id)
    assert waiting == pair[1:]
    (judged,) = done.judged
    assert judged.verdict.outcome is Outcome.ERROR
    assert f"died {LOST_LEASES} times" in judged.verdict.reasons[0]


def test_an_interruption_gives_leases_back_uncounted(tmp_path: Path, path: Path) -> None:
    want = request(0)
    pair = candidates(want)
    ledger = new_ledger(tmp_path, [want])
    ledger.plan_round(want.id, planned(want), pair)
    ledger.lease([c.id for c in pair])
    ledger.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with LedgerReader.open(path) as reader:
        assert [r.attempts for r in reader.candidates()] == [0, 0]


def test_a_request_closed_but_not_delivered_is_open_after_a_restart(
    tmp_path: Path, path: Path
) -> None:
    want = request(0)
    pair = candidates(want)
    ledger = new_ledger(tmp_path, [want])
    ledger.plan_round(want.id, planned(want), pair)
    judge(ledger, pair)
    selection = Selection(delivered=(pair[1].id,), duplicates={pair[0].id: pair[1].id})
    close = {"outcome": RequestOutcome.DELIVERED, "reason": "", "selection": selection}
    ledger.close_request(want.id, **close)  # type: ignore[arg-type]
    crash(ledger)
    with Ledger.open(path) as again:
        assert [r.id for _, r in again.open_requests()] == [want.id]
        again.close_request(want.id, **close)  # type: ignore[arg-type]
        again.record_delivery(want.id, [(pair[1].id, "d" * 64)])
        with pytest.raises(LedgerError, match="delivered already"):
            again.close_request(want.id, **close)  # type: ignore[arg-type]
        with pytest.raises(LedgerError, match="not closed"):
            again.record_delivery(want.id, [(pair[1].id, "d" * 64)])
    with LedgerReader.open(path) as reader:
        assert [(r.place, r.duplicate_of) for r in reader.candidates()] == [
            (None, pair[1].id),
            (1, None),
        ]


def test_only_what_was_selected_can_be_delivered(tmp_path: Path) -> None:
    want = request(0)
    pair = candidates(want)
    with new_ledger(tmp_path, [want]) as ledger:
        ledger.plan_round(want.id, planned(want), pair)
        judge(ledger, pair)
        selection = Selection(delivered=(pair[0].id,))
        ledger.close_request(
            want.id, outcome=RequestOutcome.DELIVERED, reason="", selection=selection
        )
        with pytest.raises(LedgerError, match="but selected were"):
            ledger.record_delivery(want.id, [(pair[1].id, "d" * 64)])
        assert [r.id for _, r in ledger.open_requests()] == [want.id]


def test_a_run_with_work_left_is_not_finished(tmp_path: Path) -> None:
    with new_ledger(tmp_path, [request(0)]) as ledger:
        with pytest.raises(LedgerError, match="not finished"):
            ledger.finish()
        assert not ledger.finished


def test_a_ledger_appears_only_with_all_its_requests(tmp_path: Path, path: Path) -> None:
    def broken() -> Iterator[Request]:
        yield request(0)
        raise JobError("row 3 has no prompt")

    with pytest.raises(JobError, match="row 3"):
        new_ledger(tmp_path, broken())
    assert [p.name for p in tmp_path.iterdir()] == ["run.lock"]
    new_ledger(tmp_path, [request(0)]).close()
    assert Ledger.fingerprint_of(path) == "f" * 64


def test_two_requests_with_one_id_are_refused_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="'sku-0' occurs twice") as caught:
        new_ledger(tmp_path, [request(0), request(0)])
    assert caught.value.where == "catalog.csv:2"


def test_a_ledger_that_did_not_appear_may_be_closed_again(tmp_path: Path, path: Path) -> None:
    with Ledger.create(path, fingerprint="f" * 64) as ledger:
        with pytest.raises(JobError, match="occurs twice"):
            ledger.add_requests([request(0), request(0)])
        with (tmp_path / "next").open("w") as other:
            ledger.close()
            other.write("may take the number of the lock's descriptor")


def test_one_process_writes(tmp_path: Path, path: Path) -> None:
    with new_ledger(tmp_path, [request(0)]):
        with pytest.raises(LedgerError, match="another process"):
            Ledger.open(path)
        with pytest.raises(LedgerError, match="another process"):
            Ledger.create(path, fingerprint="g")
        assert Ledger.fingerprint_of(path) == "f" * 64
    Ledger.open(path).close()
    with pytest.raises(LedgerError, match="already"):
        Ledger.create(path, fingerprint="g")


def test_the_settings_that_durability_rests_on(tmp_path: Path) -> None:
    with new_ledger(tmp_path, [request(0)]) as ledger:
        pragma = {
            name: ledger._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        assert pragma == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 30_000,
        }


def test_a_reader_cannot_write(tmp_path: Path, path: Path) -> None:
    new_ledger(tmp_path, [request(0)]).close()
    with LedgerReader.open(path) as reader, pytest.raises(sqlite3.OperationalError):
        reader._db.execute("UPDATE run SET session = 9")


def test_a_journal_that_a_dead_process_left_is_rolled_back_by_readers(
    tmp_path: Path, path: Path
) -> None:
    new_ledger(tmp_path, [request(0)]).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    for number in range(50):
        db.execute(
            "INSERT INTO request (position, id, payload, wanted, state)"
            " VALUES (?, ?, ?, 1, 'open')",
            (number + 1, f"half-{number}", "{}" + " " * 4000),
        )
    journal = path.with_name(f"{path.name}-journal")
    saved = {p: p.read_bytes() for p in (path, journal)}
    db.close()
    for name, content in saved.items():
        name.write_bytes(content)
    assert Ledger.fingerprint_of(path) == "f" * 64
    with LedgerReader.open(path) as reader:
        assert reader.count_requests() == 1


def test_other_files_and_newer_ledgers_are_refused(tmp_path: Path, path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        Ledger.open(path)
    path.write_bytes(b"not a database at all, but long enough to have a header" * 9)
    with pytest.raises(LedgerError, match="not a database"):
        LedgerReader.open(path)
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(LedgerError, match="is not a ledger"):
        Ledger.open(path)
    path.unlink()
    new_ledger(tmp_path, [request(0)]).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LedgerError, match="newer release"):
        Ledger.open(path)


def test_rates_and_tally_of_a_resumed_run(tmp_path: Path) -> None:
    wants = [request(n) for n in range(20)]
    with new_ledger(tmp_path, wants) as ledger:
        for number, want in enumerate(wants[:18]):
            pair = candidates(want)
            ledger.plan_round(want.id, planned(want), pair)
            judge(ledger, pair[:1], Outcome.FAIL if number % 2 else Outcome.PASS)
            if number != 3:
                judge(ledger, pair[1:], Outcome.ERROR)
        first = {f.position: f.rate for f in ledger.first_rounds()}
        assert sorted(first) == [n for n in range(18) if n != 3]
        assert sum(first.values(), PassRate()) == PassRate(passed=9, judged=17)
        assert [f.request for f in ledger.first_rounds()][:2] == wants[:2]
        assert ledger.first_open() == 0
        deliver(ledger, wants[0], candidates(wants[0])[:1])
        tally = Tally(name="t")
        ledger.restore(tally)
    assert (tally.judged, tally.closed, tally.delivered, tally.round) == (35, 1, 1, 1)
    assert tally.failed_by == {"sharpness": 9}
    assert tally.outcomes == {Outcome.PASS: 9, Outcome.FAIL: 9, Outcome.ERROR: 17}


def test_images_of_rejects_can_go_once_nobody_needs_them(tmp_path: Path) -> None:
    first, second = request(0), request(1)
    with new_ledger(tmp_path, [first, second]) as ledger:
        for want in (first, second):
            ledger.plan_round(want.id, planned(want), candidates(want))
            judge(ledger, candidates(want))
        assert list(ledger.disposable_images(first.id)) == []
        deliver(ledger, first, candidates(first)[:1])
        reject = candidates(first)[1]
        expected = result(reject).image
        assert expected is not None
        assert list(ledger.disposable_images(None)) == [(reject.id, expected.path)]
        assert list(ledger.disposable_images(second.id)) == []


def test_a_damaged_candidate_is_made_again_and_its_request_opens(tmp_path: Path) -> None:
    want = request(0)
    pair = candidates(want)
    with new_ledger(tmp_path, [want]) as ledger:
        ledger.plan_round(want.id, planned(want), pair)
        judge(ledger, pair)
        deliver(ledger, want, pair[:1])
        ledger.finish()
        ledger.make_again([pair[0].id])
        assert not ledger.finished
        assert [r.id for _, r in ledger.open_requests()] == [want.id]
        ((done, waiting),) = ledger.rounds_of(want.id)
        assert ([j.candidate for j in done.judged], waiting) == (pair[1:], pair[:1])
        judge(ledger, pair[:1])
        deliver(ledger, want, pair[:1])
        ledger.finish()
