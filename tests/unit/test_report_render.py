"""The render pass: a strict policy, equal bytes for equal runs, and nothing that breaks out."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sentinelqa.report import write_report
from sentinelqa.report.render import as_json_block
from sentinelqa.report.words import duration, percent
from tests.report_run import write_run

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u2028\u2029",
    "]]><svg onload=alert(1)>",
    "&lt;b&gt;",
)


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


def test_hostile_words_add_no_element_and_no_attribute(tmp_path: Path) -> None:
    plain = [f"request {i}" for i in range(len(HOSTILE))]
    benign = write_run(tmp_path / "a", requests=10, names=plain, prompts=plain, pictures=False)
    hostile = write_run(tmp_path / "b", requests=10, names=HOSTILE, prompts=HOSTILE, pictures=False)

    assert elements(write_report(hostile)) == elements(write_report(benign))


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
    monkeypatch.setattr("sentinelqa.report.building.MOST_EMBEDDED", 10)

    text = write_report(run).read_text()

    assert "data:image" not in text
    assert len(list((run / "report-thumbnails").rglob("*.webp"))) == 24


def test_numbers_are_not_rounded_to_what_they_are_not() -> None:
    assert percent(0.004) == "<1 %"
    assert percent(0.996) == ">99 %"
    assert percent(1.0) == "100 %"
    assert percent(None) == "–"
    assert duration(0.84) == "840 ms"
    assert duration(250) == "4 min 10 s"
    assert duration(7500) == "2 h 5 min"
