"""The data pass of reports: every number against the tables it came from."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sentinelqa.errors import JobError
from sentinelqa.report.building import build_report
from sentinelqa.report.checks import axis, missing_by
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.funnel import funnels, stage_counts
from sentinelqa.report.model import Report, RequestStory
from sentinelqa.report.stories import Storyteller, tell
from sentinelqa.report.tails import Tails
from sentinelqa.report.thumbnails import BUDGET, address_of, side_for
from sentinelqa.report.yaml_marks import bound_spans
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Threshold
from sentinelqa.rubric.whatif import what_if
from sentinelqa.rundir import RunDir
from tests.report_run import as_live, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("report") / "run", requests=8)


@pytest.fixture(scope="module")
def report(run: Path) -> Report:
    (page,) = build_report(run)
    return page


def _stories(run: Path) -> list[RequestStory]:
    teller = Storyteller(Evidence(run))
    return [teller.story(place) for place in range(len(teller))]


def test_the_headline_counts_what_the_tables_hold(run: Path, report: Report) -> None:
    candidates = pd.read_parquet(run / "candidates.parquet")
    requests = pd.read_parquet(run / "requests.parquet")
    headline = report.headline

    assert headline.candidates == len(candidates) == sum(headline.outcomes.values())
    assert headline.outcomes["pass"] == (candidates["outcome"] == "pass").sum()
    assert (
        headline.delivered == candidates["delivered"].notna().sum() == requests["delivered"].sum()
    )
    assert headline.requests["short"] == (requests["outcome"] == "short").sum()
    assert headline.seconds == pytest.approx(1.375 * len(candidates))


def test_the_funnel_narrows_and_ends_in_what_was_delivered(run: Path, report: Report) -> None:
    candidates = pd.read_parquet(run / "candidates.parquet")
    whole, *rounds = report.funnels
    counts = [stage.count for stage in whole.stages]

    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(candidates)
    assert counts[3] == (candidates["outcome"] == "pass").sum()
    assert counts[-1] == candidates["delivered"].notna().sum()
    for index, stage in enumerate(whole.stages):
        assert stage.count == sum(funnel.stages[index].count for funnel in rounds)


def test_what_killed_candidates_is_what_the_table_says_failed(run: Path, report: Report) -> None:
    failed = pd.read_parquet(run / "candidates.parquet")["failed"].str.split(" ")
    sharpness = sum("sharpness" in names for names in failed if names is not None)

    assert report.funnels[0].stages[1].killed["sharpness"] == sharpness


def test_what_failed_before_it_was_measured_is_counted_where_it_failed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=6, pictures=False)
    before = funnels(stage_counts(Evidence(run)))[0].stages
    table = pd.read_parquet(run / "candidates.parquet")
    good = (table["score.artifacts"] >= 0.6) & (table["score.sharpness"] >= 0.45)
    later = good & table["failed"].fillna("").str.contains("framing")
    assert later.any()
    table.loc[later, ["score.artifacts", "score.sharpness"]] = None
    table.to_parquet(run / "candidates.parquet")

    after = funnels(stage_counts(Evidence(run)))[0].stages

    assert [stage.count for stage in after] == [stage.count for stage in before]
    assert after[2].killed == before[2].killed


def test_what_was_dropped_half_way_ends_at_the_first_stage(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=3, pictures=False)
    table = pd.read_parquet(run / "candidates.parquet")
    table.loc[:3, ["outcome", "failed"]] = ["fail", "early_rejection"]
    measured = [c for c in table if c.startswith(("score.", "metric."))]
    table.loc[:3, measured] = None
    table.to_parquet(run / "candidates.parquet")

    assert funnels(stage_counts(Evidence(run)))[0].stages[1].killed["dropped half way"] == 4


def test_a_check_counts_every_candidate_once(report: Report) -> None:
    for section in report.checks:
        assert sum(section.counts.values()) == report.headline.candidates
    sharpness = next(s for s in report.checks if s.name == "sharpness")
    assert sharpness.counts["error"] == 8  # the sixth of each request crashed
    assert sum(sharpness.bins) == report.headline.candidates - 8


def test_nearest_misses_are_the_closest_that_did_not_pass(run: Path, report: Report) -> None:
    scores = pd.read_parquet(run / "candidates.parquet")["score.artifacts"]
    artifacts = next(s for s in report.checks if s.name == "artifacts")

    closest = scores[scores < 0.6].nlargest(len(artifacts.misses))

    assert scores[list(artifacts.misses)].tolist() == closest.tolist()


def test_what_would_help_is_true(run: Path, tmp_path: Path) -> None:
    """A rubric with the bound that a story names completes the request."""
    said = 0
    text = (run / "rubric.yaml").read_text()
    for story in _stories(run):
        found = re.search(
            r"At (\S+) instead of (\S+) for (\w+) this request is complete", story.help
        )
        if found is None:
            continue
        said += 1
        new, old, name = found.groups()
        line = next(part for part in text.splitlines() if f"{name}:" in part)
        changed = text.replace(line, line.replace(f"min: {old}", f"min: {new}"), 1)
        if name == "framing":
            changed = text.replace("- {min: 0.50}", f"- {{min: {new}}}")
        path = tmp_path / f"{story.id}.yaml"
        path.write_text(changed.replace(f"{old}0", new) if changed == text else changed)
        flips = what_if(run, path).flips
        gained = ((flips["request_id"] == story.id) & (flips["now"] == "pass")).sum()
        assert gained >= story.wanted - story.delivered, story.help
    assert said


def test_a_complete_request_needs_no_help(run: Path) -> None:
    for story in _stories(run):
        assert bool(story.help) == (story.delivered < story.wanted)


def test_a_story_lists_the_delivered_first(run: Path) -> None:
    told = tell(run, "mug-001")

    assert told is not None
    places = [line.place for line in told.lines if line.place]
    assert places == list(range(1, told.story.delivered + 1))
    assert [line.place for line in told.lines][: len(places)] == places
    assert tell(run, "mug-999") is None


def test_bounds_are_found_where_they_stand_in_the_yaml(run: Path, tmp_path: Path) -> None:
    rubric = load_rubric(run / "rubric.yaml")
    for index, (check, spans) in enumerate(zip(rubric.checks, bound_spans(rubric), strict=True)):
        for side in ("low", "high"):
            if side not in spans:
                assert not isinstance(check, Threshold) or getattr(check, side) is None
                continue
            start, end = spans[side]
            path = tmp_path / "changed.yaml"
            path.write_text(rubric.resolved[:start] + "0.615" + rubric.resolved[end:])
            assert getattr(load_rubric(path).checks[index], side) == 0.615


def test_seeds_keep_all_their_digits(run: Path, report: Report) -> None:
    seeds = pd.read_parquet(run / "candidates.parquet")["seed"]

    assert report.payload["seed"] == [str(seed) for seed in seeds]


def test_gaps_are_measured_from_the_bound_that_is_missed() -> None:
    check = Threshold(name="x.y", tier="generic", source="x", metric="y", low=1.0, high=2.0)

    gaps = missing_by(check, np.array([0.5, 1.0, 2.0, 2.25, np.nan]))

    assert gaps[:4].tolist() == [0.5, 0.0, 0.0, 0.25]
    assert np.isnan(gaps[4])


def test_the_axis_of_a_metric_holds_its_bounds() -> None:
    check = Threshold(name="x.y", tier="generic", source="x", metric="y", high=4.0)

    start, end = axis(check, [0.1, 0.3])

    assert start <= 0.1
    assert end > 4.0
    assert axis(check, []) != (4.0, 4.0)


@pytest.mark.parametrize("count", [1, 100, 1000, 5000])
def test_more_pictures_are_smaller_pictures(count: int) -> None:
    assert side_for(count) ** 2 * 0.14 * count <= BUDGET


def test_addresses_of_pictures_are_never_another_scheme(run: Path) -> None:
    odd = run / "javascript:alert(1)#?%.png"
    odd.write_bytes(b"x")

    address = address_of(RunDir(run), odd.name)

    assert address == "./javascript%3Aalert%281%29%23%3F%25.png"
    assert address_of(RunDir(run), "not/there.png") == ""


def test_a_run_that_goes_on_is_reported_as_it_stands(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=2)
    table = pd.read_parquet(run / "candidates.parquet")
    table.loc[20:, ["outcome", "rank", "reasons", "failed"]] = None
    table.to_parquet(run / "candidates.parquet")
    requests = pd.read_parquet(run / "requests.parquet")
    requests.loc[1, "outcome"] = None
    requests.to_parquet(run / "requests.parquet")

    (page,) = build_report(run)

    assert page.headline.outcomes["open"] == 4
    assert page.headline.requests["open"] == 1
    assert page.notes
    assert funnels(stage_counts(Evidence(run)))[0].stages[1].killed["not judged yet"] == 4


def test_a_request_of_which_nothing_is_known_yet_gets_no_advice(tmp_path: Path) -> None:
    run = as_live(write_run(tmp_path / "run", requests=3, wanted=12, pictures=False))
    table = pd.read_parquet(run / "candidates.parquet")
    table[table["request_id"] != "mug-001"].to_parquet(run / "candidates.parquet")

    helps = {story.id: story.help for story in _stories(run) if story.delivered < story.wanted}

    assert {key: bool(said) for key, said in helps.items()} == {
        "mug-000": True,
        "mug-001": False,
        "mug-002": False,
    }


def test_large_runs_are_paged_by_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", requests=5, pictures=False)
    monkeypatch.setattr("sentinelqa.report.parts.ALONE", 30)
    monkeypatch.setattr("sentinelqa.report.evidence.PAGE", 30)

    pages = list(build_report(run))

    assert [len(page.payload["id"]) for page in pages] == [24, 24, 12]
    assert [page.pages for page in pages] == [3, 3, 3]
    assert {page.headline.candidates for page in pages} == {60}


def test_what_is_said_of_the_whole_run_does_not_depend_on_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", requests=9, wanted=5, pictures=False)
    (whole,) = build_report(run)
    monkeypatch.setattr("sentinelqa.report.parts.ALONE", 30)
    monkeypatch.setattr("sentinelqa.report.evidence.PAGE", 30)

    pages = list(build_report(run))

    assert len(pages) == 5
    for page in pages:
        assert page.headline == whole.headline
        assert page.funnels == whole.funnels
        assert page.checks == whole.checks
        assert [story for _, story in page.short] == [story for _, story in whole.short]
        assert page.payload["whole"]["checks"] == [list(c.counts.values()) for c in whole.checks]
    assert [number for page in pages for number in page.payload["rank"]] == whole.payload["rank"]
    requests = [list(page.payload["requests"]) for page in pages]
    assert [one for some in requests for one in some] == list(whole.payload["requests"])
    assert [(some[0]["id"], some[-1]["id"]) for some in requests] == list(pages[0].ranges)
    for number, story in whole.short:
        assert number == 1
        page = next(n for n, story_ in pages[0].short if story_.id == story.id)
        assert story.id in {one["id"] for one in requests[page - 1]}


def test_tables_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=3, pictures=False)
    table = pd.read_parquet(run / "candidates.parquet")
    table[::-1].to_parquet(run / "candidates.parquet")

    with pytest.raises(JobError, match="do not belong together"):
        list(build_report(run))


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 1000])
def test_percentiles_of_pieces_are_those_of_the_whole(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count).round(4)
    tails = Tails(count + 7)
    for piece in np.array_split(np.append(values, np.nan), 3):
        tails.add(piece)

    assert tails.edges() == np.percentile(values, [1, 99]).tolist()
