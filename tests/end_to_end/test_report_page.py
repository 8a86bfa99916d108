"""The report in a real browser, without a screen: every control, against what Python computes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sentinelqa.report import write_report
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.funnel import funnels, stage_counts
from sentinelqa.rubric.whatif import what_if
from tests.browser import NEEDS_BROWSER, opened, serious_in
from tests.hostile import HOSTILE
from tests.report_run import as_live, as_scored, write_run

pytestmark = [*NEEDS_BROWSER, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("page") / "run", requests=20)
    write_report(folder)
    return folder


@pytest.fixture
def page(browser: Any, run: Path) -> Iterator[Any]:
    yield from opened(browser, run / "report.html")


def _count(page: Any, selector: str) -> int:
    return int(page.locator(selector).count())


def _stages(page: Any) -> list[int]:
    texts = page.locator("#funnel-stages .stage-count b").all_inner_texts()
    return [int(text.replace(",", "")) for text in texts]


def _killed(page: Any) -> list[dict[str, int]]:
    found = []
    for line in page.locator("#funnel-stages > li").all():
        chips = [chip.split(" ", 1) for chip in line.locator(".chip").all_inner_texts()]
        found.append({name: int(count.replace(",", "")) for count, name in chips})
    return found


def _drag(page: Any, check: str, side: str, value: float) -> None:
    """Type a threshold into the field beside its slider."""
    article = page.locator("article.check", has=page.get_by_role("heading", name=check, exact=True))
    article.locator(f'input[type=number][data-side="{side}"]').fill(str(value))
    page.wait_for_timeout(120)


def test_the_browser_counts_what_python_counts(page: Any, run: Path) -> None:
    for funnel in funnels(stage_counts(Evidence(run))):
        if funnel.round:
            page.get_by_role("button", name=f"Round {funnel.round}").click()
        assert _stages(page) == [stage.count for stage in funnel.stages]
        assert _killed(page) == [stage.killed for stage in funnel.stages]


@pytest.mark.parametrize(
    ("check", "side", "value"),
    [
        ("sharpness", "low", 0.62),
        ("sharpness", "low", 0.2),
        ("artifacts", "low", 0.3),
        ("framing", "low", 0.7),
        ("framing.fill", "high", 0.6),
    ],
)
def test_a_slider_says_what_python_says(
    page: Any, run: Path, tmp_path: Path, check: str, side: str, value: float
) -> None:
    _drag(page, check, side, value)
    page.get_by_role("button", name="Show the rubric").click()
    rubric = tmp_path / "changed.yaml"
    rubric.write_text(page.locator("#rubric-text").inner_text())
    expected = what_if(run, rubric)

    figures = page.locator("#whatif-figures div").all_inner_texts()
    shown = {
        line.split("\n")[0]: line.split("\n")[1].split(" ▲")[0].split(" ▼")[0] for line in figures
    }
    assert int(shown["Passed"]) == expected.after.outcomes.get("pass", 0)
    assert int(shown["Delivered"]) == expected.after.delivered
    assert int(shown["Complete requests"]) == expected.after.filled
    assert int(shown.get("Not measured far enough to say", 0)) == expected.unknown
    assert _stages(page)[3] == expected.after.outcomes.get("pass", 0)


def test_reset_takes_everything_back(page: Any) -> None:
    before = _stages(page)
    _drag(page, "artifacts", "low", 0.95)
    assert _stages(page) != before

    page.get_by_role("button", name="Reset").click()

    assert _stages(page) == before
    assert page.locator("#whatif").is_hidden()
    assert page.locator("article.check").first.locator("input").first.input_value() == "0.6"


def test_the_slider_itself_moves_by_keyboard(page: Any) -> None:
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("ArrowRight")

    assert page.locator("#whatif").is_visible()


def test_rejects_are_behind_a_toggle_and_filters_filter(page: Any) -> None:
    shown = _count(page, ".card")
    page.get_by_label("Show rejects").check()
    assert _count(page, ".card") > shown
    assert _count(page, ".card .pill.fail") > 0

    page.locator("[data-outcome=delivered]").click()
    assert _count(page, ".card") == _count(page, ".card.is-delivered") > 0
    page.locator("[data-outcome=delivered]").click()

    page.get_by_role("combobox", name="Failed").select_option(label="framing")
    reasons = page.locator(".card .reason").all_inner_texts()
    assert reasons
    assert any("framing" in reason for reason in reasons)
    page.get_by_role("combobox", name="Failed").select_option(label="anything")

    page.get_by_label("Find").fill("mug-003")
    assert page.locator(".group h3").all_inner_texts() == ["mug-003"]
    page.get_by_label("Find").fill("no such thing")
    assert page.get_by_text("Nothing matches").is_visible()


def test_requests_that_fell_short_lead_to_their_pictures(page: Any) -> None:
    link = page.locator("#requests [data-request]").first
    name = link.inner_text()
    link.click()

    assert page.locator(".group h3").all_inner_texts() == [name]


def test_pages_lead_to_requests_on_others_and_all_speak_of_the_whole_run(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["first", "mug & saucer +1", *(f"mug-{n}" for n in range(7)), "last 100%"]
    folder = write_run(tmp_path / "run", requests=len(names), wanted=12, names=names)
    stages = [_stages(page) for page in opened(browser, write_report(folder))]
    monkeypatch.setattr("sentinelqa.report.parts.ALONE", 40)
    monkeypatch.setattr("sentinelqa.report.evidence.PAGE", 40)

    for page in opened(browser, write_report(folder)):
        stages.append(_stages(page))
        for name in ("last 100%", "mug & saucer +1"):
            page.locator("#requests").get_by_text(name, exact=True).click()
            assert page.locator(".group h3").all_inner_texts() == [name]
            stages.append(_stages(page))
    assert len(stages) == 4
    assert all(one == stages[0] for one in stages)


def test_the_pictures_are_used_by_keyboard_alone(page: Any) -> None:
    page.locator(".card-open").first.focus()
    page.keyboard.press("ArrowRight")
    second = page.evaluate("document.activeElement.dataset.row")
    page.keyboard.press("Enter")
    assert page.locator("#detail").is_visible()
    title = page.locator("#detail-title").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#detail .pairs").first.is_visible()
    assert title.startswith("mug-")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    page.locator("#detail").wait_for(state="hidden")
    page.wait_for_function("row => document.activeElement.dataset.row === row", arg=second)

    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"


def test_the_evidence_makes_a_picture_again(page: Any, run: Path) -> None:
    page.locator(".card-open").first.click()
    row = int(page.evaluate("document.querySelector('#sheet .card-open').dataset.row"))
    text = page.locator("#detail").inner_text()

    assert Evidence(run).seeds[row] in text
    assert "a red mug" in text or "mug on white" in text
    assert page.evaluate("document.querySelector('#detail figure img').naturalWidth") > 0


def test_what_was_seen_is_laid_over_the_picture_on_demand(page: Any) -> None:
    page.locator(".card-open").first.click()
    layer = page.locator('#detail [data-layer="subject"]')
    button = page.get_by_role("button", name="Subject")
    assert button.get_attribute("aria-pressed") == "false"
    assert layer.is_hidden()

    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    drawn, picture = (
        page.locator(f"#detail .seen {name}").bounding_box() for name in ("svg", "img")
    )
    assert drawn == pytest.approx(picture)
    assert layer.locator("polygon").count() >= 1
    page.keyboard.press("ArrowRight")
    assert page.locator('#detail [data-layer="subject"]').is_visible()
    page.keyboard.press("o")
    assert page.locator('#detail [data-layer="focus"]').is_visible()
    page.keyboard.press("o")
    assert page.locator('#detail [data-layer="focus"]').is_hidden()


def test_pages_of_pictures_turn(page: Any) -> None:
    first = page.locator(".group h3").first.inner_text()
    page.get_by_role("button", name="Next", exact=True).click()

    assert page.locator(".group h3").first.inner_text() != first
    assert page.get_by_role("button", name="Next", exact=True).is_disabled()


def test_paper_has_every_request_and_the_screen_its_page_again(page: Any) -> None:
    page.get_by_role("button", name="Next", exact=True).click()
    second = page.locator(".group h3").all_inner_texts()
    page.evaluate(
        "window.inPrint = 0; addEventListener('beforeprint', () => "
        "{ window.inPrint = document.querySelectorAll('.group').length; })"
    )
    page.pdf()
    assert page.evaluate("window.inPrint") == 20
    assert page.locator(".group h3").all_inner_texts() == second


def test_light_and_dark(browser: Any, run: Path) -> None:
    for page in opened(browser, run / "report.html", color_scheme="dark"):
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        page.get_by_role("button", name="Change between light and dark").click()
        assert page.evaluate(ground) != dark


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_runs_off_the_side(browser: Any, run: Path, width: int) -> None:
    size = {"width": width, "height": 800}
    for page in opened(browser, run / "report.html", viewport=size):
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("kind", "scheme", "width"),
    [("run", "light", 1280), ("run", "dark", 390), ("live", "dark", 1280), ("score", "light", 390)],
)
def test_axe_finds_nothing_serious(
    browser: Any, tmp_path: Path, kind: str, scheme: str, width: int
) -> None:
    """A run, one that is going on, and scored images, in light and dark, on laptop and phone."""
    folder = write_run(tmp_path / "run", requests=2, per_request=8, size=32)
    run = {"run": lambda path: path, "live": as_live, "score": as_scored}[kind](folder)
    write_report(run)
    size = {"width": width, "height": 800}
    # axe puts a script into the page, which the page's own policy refuses
    options = {"color_scheme": scheme, "viewport": size, "bypass_csp": True}
    for page in opened(browser, run / "report.html", **options):
        if kind != "score":
            page.get_by_label("Show rejects").check()
        assert page.locator("#subgroups").count() == (kind == "score")
        assert page.locator("p.notice:visible").count() == (kind == "live")
        serious = serious_in(page)
        page.locator(".card-open").first.click()
        serious += serious_in(page)
        assert not serious, json.dumps(serious, indent=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_words_stay_words(browser: Any, tmp_path: Path) -> None:
    """A hundred strings as ids, prompts, file names and reasons: shown, never run."""
    folder = write_run(
        tmp_path / "run",
        requests=len(HOSTILE),
        per_request=1,
        wanted=1,
        names=HOSTILE,
        prompts=HOSTILE,
        pictures=False,
    )
    table = pd.read_parquet(folder / "candidates.parquet")
    table["path"] = HOSTILE
    table["reasons"] = [json.dumps([word]) for word in HOSTILE]
    table.to_parquet(folder / "candidates.parquet")
    write_report(folder)
    for page in opened(browser, folder / "report.html"):
        page.get_by_label("Show rejects").check()
        page.locator(".card-open").first.click()
        page.keyboard.press("Escape")
        seen: list[str] = []
        while True:
            seen += page.locator(".group h3").all_text_contents()
            assert _count(page, "main script, dialog script, main iframe, main object") == 0
            assert page.evaluate(ATTRIBUTES, "main *, dialog *") == []
            onward = page.get_by_role("button", name="Next", exact=True)
            if onward.is_disabled():
                break
            onward.click()
        assert page.evaluate("window.hit") is None
        # the parser of HTML has no NUL; what is between is the same, character for character
        assert [text.replace("\0", "") for text in HOSTILE] == [
            text.replace("\0", "").replace("\ufffd", "") for text in seen
        ]


ATTRIBUTES = """(selector) => [...document.querySelectorAll(selector)].flatMap((node) =>
    [...node.attributes].map((a) => a.name).filter((name) => name.startsWith('on')
        || name === 'style' || (name === 'href' && !node.getAttribute('href').startsWith('#'))))"""


@pytest.mark.parametrize(
    "requests", [150, pytest.param(1000, marks=[pytest.mark.full])], ids=["quick", "20,000"]
)
def test_many_candidates_stay_interactive(browser: Any, tmp_path: Path, requests: int) -> None:
    """The slider answers within 100 ms, in the median, at 20,000 candidates (quick: 3,000)."""
    folder = write_run(
        tmp_path / "run", requests=requests, per_request=20, wanted=4, pictures=False
    )
    write_report(folder)
    for page in opened(browser, folder / "report.html"):
        times = page.evaluate(SLIDE)
        assert statistics.median(times) < 100, sorted(times)


SLIDE = """() => {
    const slider = document.querySelector('input[type=range]'), found = [];
    for (let i = 0; i < 21; i++) {
        slider.value = 0.2 + 0.03 * i;
        const start = performance.now();
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        found.push(performance.now() - start);
    }
    return found;
}"""
