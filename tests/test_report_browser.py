"""The page in a real browser: it is drawn, it answers, it fetches nothing, and nothing in it runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from attacks import ATTACKS
from outputs import analysed_clip, use_stub_models
from reports import detector_score, report_of

from forensics.calibration.verdict import no_score
from forensics.detector import Scope
from forensics.report.facts import C2paFacts, C2paStatus, CaseFacts
from forensics.report.html import FILE_NAME, write_html
from forensics.report.model import CalibratedFinding, Report
from forensics.report.timeline_shapes import HEIGHT, WIDTH

playwright = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TEST RAN: pip install playwright")
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="NO BROWSER TEST RAN: there is no chromium; on Debian, apt-get install chromium"
)
SCORES = [-2.0, -1.5, None, 3.0, 2.5, -1.0, -2.0, -2.0]


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page opened from disk, with all it asked for and all that went wrong."""

    def __init__(self, browser: playwright.Browser, path: Path, **context: object) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page = browser.new_context(**context).new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.goto(path.as_uri())
        self.foreign = [url for url in self.requests if not url.startswith(("data:", path.as_uri()))]


@pytest.fixture
def visit(browser: playwright.Browser, tmp_path: Path) -> Iterator[Visit]:
    made = Visit(browser, write_html(report_of(SCORES, [-3.0] * 8, pictures=True), tmp_path))
    yield made
    made.page.context.close()


def test_the_timeline_is_drawn_and_nothing_is_fetched(visit: Visit) -> None:
    assert (visit.foreign, visit.errors) == ([], [])
    box = visit.page.locator(".chart").first.bounding_box()
    assert box is not None
    assert box["width"] > 500
    assert visit.page.locator(".chart .stroke").count() == 2
    drawn = visit.page.evaluate("document.querySelector('.line.p0 .stroke').getTotalLength()")
    assert drawn > 1000
    # Styles apply under the policy: a line has its person's colour.
    colour = "getComputedStyle(document.querySelector('.line.p0 .stroke')).stroke"
    assert visit.page.evaluate(colour) == "rgb(0, 114, 178)"


def point_at(visit: Visit, share: float, *, click: bool = False) -> None:
    box = visit.page.locator(".chart").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * share, box["y"] + box["height"] / 2
    visit.page.mouse.move(x, y)
    if click:
        visit.page.mouse.click(x, y)


def test_the_pointer_reads_a_frame_with_its_pictures(visit: Visit) -> None:
    point_at(visit, 3 / 7)
    said = visit.page.locator(".detail").inner_text()
    assert "frame 3" in said
    assert "3.00" in said
    assert "-3.00" in said
    assert visit.page.locator(".detail img").count() == 2
    shown = visit.page.locator(".detail img").first.get_attribute("src")
    assert shown == visit.page.locator('img[data-track="0"][data-frame="3"]').first.get_attribute("src")


def test_a_frame_without_a_score_says_why(visit: Visit) -> None:
    point_at(visit, 2 / 7)
    assert "no score: blurred" in visit.page.locator(".detail").inner_text()


def test_a_frame_without_a_face_is_marked_and_says_so(browser: playwright.Browser, tmp_path: Path) -> None:
    report = report_of(SCORES)
    faces = tuple(row for row in report.faces if row.frame_index != 5)
    seen = Visit(browser, write_html(replace(report, faces=faces), tmp_path))
    assert seen.page.locator(".chart .faceless").count() == 1
    point_at(seen, 5 / 7)
    said = seen.page.locator(".detail").inner_text()
    assert "frame 5" in said
    assert "no face was found" in said
    assert seen.errors == []
    seen.page.context.close()


@pytest.mark.parametrize("width", [400, 1200])
def test_no_time_is_written_past_the_end_of_the_chart(
    browser: playwright.Browser, tmp_path: Path, width: int
) -> None:
    # Nine frames in steps of a quarter of a second end at 2 s, where a time is written.
    path = write_html(report_of([*SCORES, 0.0]), tmp_path)
    seen = Visit(browser, path, viewport={"width": width, "height": 800})
    chart = seen.page.locator(".chart").first.bounding_box()
    last = seen.page.locator(".ticks text").last
    said = last.bounding_box()
    assert chart is not None
    assert said is not None
    assert last.text_content() == "0:02.00"
    assert said["x"] + said["width"] <= chart["x"] + chart["width"] + 1
    seen.page.context.close()


def test_a_clip_without_any_face_still_opens(browser: playwright.Browser, tmp_path: Path) -> None:
    seen = Visit(browser, write_html(replace(report_of(SCORES), people=(), faces=()), tmp_path))
    assert seen.errors == []
    assert "no timeline" in seen.page.locator("#timeline").inner_text()
    seen.page.context.close()


def test_the_whole_frame_has_a_colour_and_a_switch_of_its_own(
    browser: playwright.Browser, tmp_path: Path
) -> None:
    report = report_of(SCORES)
    whole = replace(report.detectors[0], name="w", scope=Scope.FRAME)
    said = replace(detector_score(-0.001), detector="w")
    report = replace(
        report,
        detectors=(*report.detectors, whole),
        frames=tuple(replace(row, scores=(said,)) for row in report.frames),
    )
    seen = Visit(browser, write_html(report, tmp_path))
    person, frame = (
        seen.page.evaluate(f"getComputedStyle(document.querySelector('.line.{style} .stroke')).stroke")
        for style in ("p0", "whole")
    )
    assert person != frame
    switch = seen.page.get_by_label("whole frame", exact=True)
    swatch = "getComputedStyle(document.querySelector('.legend svg.whole path')).stroke"
    assert seen.page.evaluate(swatch) == frame
    point_at(seen, 3 / 7)
    assert "w: 0.00" in seen.page.locator(".detail").inner_text()
    switch.uncheck()
    assert not seen.page.locator(".line.whole .stroke").is_visible()
    assert seen.page.locator(".line.p0 .stroke").is_visible()
    assert "whole frame" not in seen.page.locator(".detail").inner_text()
    assert seen.errors == []
    seen.page.context.close()


def test_a_click_holds_a_frame_until_it_is_clicked_again(visit: Visit) -> None:
    point_at(visit, 3 / 7, click=True)
    point_at(visit, 6 / 7)
    assert "frame 3 (held)" in visit.page.locator(".detail").inner_text()
    point_at(visit, 3 / 7, click=True)
    point_at(visit, 6 / 7)
    assert "frame 6" in visit.page.locator(".detail").inner_text()


def test_everything_works_from_the_keyboard(visit: Visit) -> None:
    visit.page.locator(".charts").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight"):
        visit.page.keyboard.press(key)
    assert "frame 3" in visit.page.locator(".detail").inner_text()
    whole = visit.page.locator(".chart").first.get_attribute("viewBox")
    visit.page.keyboard.press("+")
    assert visit.page.locator(".chart").first.get_attribute("viewBox") != whole
    visit.page.keyboard.press("End")
    assert visit.page.locator(".chart").first.get_attribute("viewBox") == whole
    assert "frame 7" in visit.page.locator(".detail").inner_text()


def test_a_person_can_be_hidden(visit: Visit) -> None:
    visit.page.locator('input[data-person="1"]').uncheck()
    assert not visit.page.locator(".line.p1 .stroke").is_visible()
    point_at(visit, 3 / 7)
    assert "person B" not in visit.page.locator(".detail").inner_text()


def test_the_page_of_a_real_analysis_is_drawn_and_answers(
    browser: playwright.Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command line wrote it: the score of frame n is 1 + n / 10, and frame 3 of 6 begins halfway."""
    use_stub_models(monkeypatch)
    seen = Visit(browser, analysed_clip(tmp_path)[1] / FILE_NAME)
    chart, detail = seen.page.locator(".chart").first, seen.page.locator(".detail")
    length = "document.querySelector('.line.p0 .stroke').getTotalLength()"
    assert seen.page.evaluate(length) > WIDTH / 2
    point_at(seen, 3 / 6)
    assert "frame 3" in detail.inner_text()
    assert "repdfd: 1.30" in detail.inner_text()
    assert seen.page.evaluate("document.querySelector('.detail img').naturalWidth") == 112
    point_at(seen, 3 / 6, click=True)
    point_at(seen, 1 / 6)
    assert "frame 3 (held)" in detail.inner_text()
    seen.page.get_by_role("button", name="Zoom in").click()
    left, _, width, _ = (float(part) for part in (chart.get_attribute("viewBox") or "").split())
    assert 0 < left < left + width <= WIDTH
    # The pointer reads the stretched chart: released at frame 3, it finds frame 2 where frame 1 was.
    point_at(seen, (WIDTH * 3 / 6 - left) / width, click=True)
    point_at(seen, (WIDTH * 2 / 6 - left) / width)
    assert "frame 2" in detail.inner_text()
    seen.page.get_by_role("button", name="Whole video").click()
    assert chart.get_attribute("viewBox") == f"0 0 {WIDTH:g} {HEIGHT:g}"
    assert (seen.foreign, seen.errors) == ([], [])
    # Nothing may have been fetched by what was done either.
    assert all(url.startswith(("data:", "file:")) for url in seen.requests)
    seen.page.context.close()


def test_what_is_printed_shows_settings_and_run(visit: Visit) -> None:
    facts = visit.page.locator("details.facts pre")
    visit.page.emulate_media(media="print")
    for event, shown in (("beforeprint", True), ("afterprint", False)):
        visit.page.evaluate(f"window.dispatchEvent(new Event('{event}'))")
        assert [facts.nth(number).is_visible() for number in range(2)] == [shown, shown]


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_and_no_scheme_breaks_the_page(
    browser: playwright.Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    path = write_html(report_of(SCORES, [-3.0] * 8, pictures=True), tmp_path)
    seen = Visit(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert seen.errors == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    seen.page.context.close()


def hostile(attack: str) -> Report:
    """A report with the attack in every text that comes from evidence, weights, people or failures."""
    report = report_of(SCORES, pictures=True)
    evidence = replace(report.evidence, file_name=attack)
    probe = replace(evidence.probe, path=Path(attack.replace("/", "_")), codec=attack, encoders=(attack,))
    evidence = replace(evidence, c2pa=C2paFacts(C2paStatus.PRESENT, issuer=attack, failures=(attack,)))
    run = replace(report.detectors[0], name=attack, notes=(attack,))
    return replace(
        report,
        case=CaseFacts(attack, attack, attack, attack),
        evidence=replace(evidence, probe=replace(probe, tags=((attack, attack),), creation_time=attack)),
        weights=tuple(replace(file, name=attack, licence=attack, used_by=attack) for file in report.weights),
        people=tuple(replace(person, name=attack) for person in report.people),
        detectors=(run, replace(run, reason=attack, finding=None)),
        verdict=replace(report.verdict, sentence=attack, beside=(attack,)),
        warnings=(attack,),
        calibration=attack,
        calibrated=CalibratedFinding(attack, attack, (attack,), no_score(attack), ()),
        settings=replace(report.settings, weights=attack),
        run=replace(report.run, host=attack, system=attack),
    )


def test_a_hundred_attacks_in_every_field_run_nothing_and_fetch_nothing(
    browser: playwright.Browser, tmp_path: Path
) -> None:
    assert len(set(ATTACKS)) == 100
    page = browser.new_context().new_page()
    page.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1; };")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for number, attack in enumerate(ATTACKS):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = write_html(hostile(attack), folder)
        requests.clear()
        page.goto(path.as_uri())
        assert page.evaluate("window.hits") == 0, attack
        assert [url for url in requests if not url.startswith(("data:", path.as_uri()))] == [], attack
        assert page.locator("h1").inner_text().split() == attack.split(), attack
    page.context.close()
