"""The render pass: a strict policy, equal bytes for equal runs, and nothing that breaks out."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sentinelqa.report import write_comparison, write_labelling_sheet, write_report
from sentinelqa.report.render import as_json_block
from sentinelqa.report.words import duration, percent
from tests.hostile import HOSTILE
from tests.report_run import write_run


class Elements(HTMLParser):
    """Counts elements and attributes, and keeps what JSON blocks hold."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[tuple[str, str]] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag, ""] += 1
        self.counts.update((tag, name) for name, _ in attrs)


def elements(path: Path) -> Counter[tuple[str, str]]:
    parser = Elements()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.counts


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    first = write_report(write_run(tmp_path / "a" / "run", requests=3)).read_bytes()
    second = write_report(write_run(tmp_path / "b" / "run", requests=3)).read_bytes()

    assert first == second


def test_a_hundred_hostile_strings_add_no_element_and_no_attribute(tmp_path: Path) -> None:
    """In ids, prompts, paths, reasons, models, versions and the job; in every page there is."""
    assert len(set(HOSTILE)) >= 100
    benign = _told(tmp_path / "a", [f"word {i}" for i in range(len(HOSTILE))])
    hostile = _told(tmp_path / "b", HOSTILE)

    for plain, odd in zip(benign, hostile, strict=True):
        assert elements(odd) == elements(plain), odd.name


def _told(folder: Path, words: Sequence[str]) -> list[Path]:
    """A report, a comparison and a labelling sheet in which all these words stand."""
    size = len(words)
    runs = [
        write_run(folder / name, requests=size, per_request=1, names=words, prompts=words,
                  wanted=1, pictures=False, seed=seed)
        for name, seed in (("one", 3), ("two", 4))
    ]  # fmt: skip
    for run in runs:
        table = pd.read_parquet(run / "candidates.parquet")
        table["path"] = words
        table["reasons"] = [json.dumps([word, word]) for word in words]
        table.to_parquet(run / "candidates.parquet")
        facts = json.loads((run / "facts.json").read_text())
        facts["name"] = words[0]
        facts["generators"] = [{"id": w, "licence": w, "sha256": w} for w in words]
        facts["versions"] = {f"package {i}": word for i, word in enumerate(words)}
        facts["platform"] = facts["currency"] = words[1]
        (run / "facts.json").write_text(json.dumps(facts))
        job = {"name": words[2], "generator": {"model": "starter"}, "notes": list(words)}
        (run / "job.yaml").write_text(yaml.safe_dump(job))
    sheet = runs[0] / "candidates.parquet"
    table = pd.read_parquet(sheet)
    pages = [write_report(runs[0]), write_comparison(*runs, folder / "comparison.html")]
    (runs[0] / "there.png").write_bytes(b"")
    table["path"] = "there.png"
    table.to_parquet(sheet)
    return [*pages, write_labelling_sheet(runs[0], size)]


def test_the_policy_of_the_page_allows_only_its_own_script(tmp_path: Path) -> None:
    text = write_report(write_run(tmp_path / "run", requests=2)).read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)

    assert policy is not None
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy[1])
    assert nonce is not None
    assert policy[1].startswith("default-src 'none';")
    assert text.count(f'nonce="{nonce[1]}"') == 2
    assert not [a for _, a in elements(tmp_path / "run" / "report.html") if a.startswith("on")]
    assert not [a for _, a in elements(tmp_path / "run" / "report.html") if a == "style"]
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


def test_the_nonce_follows_the_content(tmp_path: Path) -> None:
    one = write_report(write_run(tmp_path / "a", requests=2)).read_text()
    two = write_report(write_run(tmp_path / "b", requests=2, seed=4)).read_text()

    nonce = re.compile(r"nonce-([0-9a-f]{32})")
    assert nonce.findall(one)[0] != nonce.findall(two)[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_json_blocks_give_back_what_went_in(text: str) -> None:
    block = str(as_json_block({"text": text}))

    assert json.loads(block) == {"text": text}
    assert not set("<>&'\u2028\u2029") & set(block)


def test_a_report_without_facts_or_pictures_is_still_a_report(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=2)
    (run / "facts.json").unlink()
    shutil.rmtree(run / "images")

    assert "2 requests are complete" in write_report(run).read_text()


def test_pages_of_an_earlier_report_are_removed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=1)
    (run / "report-2.html").write_text("old")

    write_report(run)

    assert not (run / "report-2.html").exists()


def test_thumbnails_of_large_runs_lie_beside_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", requests=2)
    monkeypatch.setattr("sentinelqa.report.parts.ALONE", 10)

    text = write_report(run).read_text()

    assert "data:image" not in text
    made = sorted((run / "report-thumbnails").rglob("*.webp"))
    assert len(made) == 24

    whole = made[0].read_bytes()
    made[0].write_bytes(b"")
    write_report(run)
    assert made[0].read_bytes() == whole


def test_numbers_are_not_rounded_to_what_they_are_not() -> None:
    assert percent(0.004) == "<1 %"
    assert percent(0.996) == ">99 %"
    assert percent(1.0) == "100 %"
    assert percent(None) == "–"
    assert duration(0.84) == "840 ms"
    assert duration(250) == "4 min 10 s"
    assert duration(7500) == "2 h 5 min"
