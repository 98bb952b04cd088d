"""The page: complete, escaped, and closed to the network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from reports import report_of, report_with_part

from forensics.report.facts import CaseFacts
from forensics.report.html import render_html
from forensics.report.model import Report
from forensics.report.words import MARKS, settings_sentence

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "' onmouseover='alert(1)",
    "</script><svg onload=alert(1)>",
)


class Page(HTMLParser):
    """Collects the elements, their attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def titled(report: Report, name: str) -> Report:
    return replace(report, evidence=replace(report.evidence, file_name=name))


def test_the_finding_its_limits_and_the_digests_are_on_the_page() -> None:
    report = report_of([2.0] * 8, [-3.0] * 8, pictures=True)
    text = " ".join(" ".join(Page(render_html(report)).texts).split())
    for needed in (
        report.verdict.sentence,
        "That is a cue and no proof",
        report.calibration,
        report.evidence.sha256,
        report.evidence.decoded_frames_sha256,
        report.weights[0].sha256,
        "person A",
        "person B",
    ):
        assert needed in text


def test_the_most_suspicious_person_comes_first() -> None:
    page = render_html(report_of([-3.0] * 8, [None] * 8, [2.0] * 8))
    order = list(re.findall(r"<h3>(person \w)</h3>", page))
    assert order == ["person C", "person A", "person B"]


def test_the_page_asks_for_nothing_and_its_policy_allows_nothing() -> None:
    page = render_html(report_of([2.0] * 8, pictures=True))
    parsed = Page(page)
    for tag, attributes in parsed.elements:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/jpeg;base64,", "#")), (tag, name)
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    (policy,) = [a["content"] for tag, a in parsed.elements if tag == "meta" and a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        inner = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        (text,) = inner
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_never_become_elements(attack: str) -> None:
    report = report_of([2.0] * 8)
    plain = Page(render_html(titled(report, "clip.mp4")))
    hostile = Page(render_html(titled(report, attack)))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert attack in hostile.texts


def test_the_values_behind_the_chart_cannot_end_their_script() -> None:
    report = report_of([2.0] * 4)
    name = "</script><script>alert(1)</script>"
    run = replace(report.detectors[0], name=name)
    faces = tuple(replace(row, scores=(replace(row.scores[0], detector=name),)) for row in report.faces)
    page = render_html(replace(report, detectors=(run,), faces=faces))
    assert Page(page).count("script") == 2
    (text,) = re.findall(r'id="series">(.*?)</script>', page)
    assert json.loads(text)[0]["title"].startswith(name)


def test_the_values_behind_the_chart_are_the_scores() -> None:
    page = render_html(report_of([1.0, None, -2.5]))
    (text,) = re.findall(r'id="series">(.*?)</script>', page)
    (line,) = json.loads(text)
    assert (line["value"], line["frame"]) == ([1.0, None, -2.5], [0, 1, 2])
    assert line["reason"] == [None, "blurred", None]


def test_the_timeline_has_a_key_of_all_its_marks_in_sight() -> None:
    page = render_html(report_of([-3.0] * 4 + [None] + [3.0] * 8))
    key = page.partition('<ul class="marks"')[2].partition("</ul>")[0]
    drawn = set(re.findall(r'class="band (\w+)', page.partition('class="charts"')[2])) | {
        "threshold",
        "silent",
    }
    assert "over_threshold" in drawn
    for kind, words in MARKS.items():
        assert (words in key) == (kind in drawn), kind


def test_the_card_says_what_each_prompt_makes_of_the_face_and_where_one_stands_out() -> None:
    page = render_html(report_with_part())
    card = " ".join(page.partition('class="card"')[2].partition("</article>")[0].split())
    assert "by prompt, log-odds against real (above 0 it fits better): fake -2.25, generated +0.75" in card
    assert "stands out of the rest in the fake prompt: mean -0.50 (rest -3.00)" in card
    assert "<title>person A: fake prompt</title>" in page
    assert "the mean shows no cue, but a part stands out" in page
    plain = render_html(report_of([-3.0] * 4 + [3.0] * 8))
    assert "prompt:" not in plain.partition('class="card"')[2].partition("</article>")[0]
    assert "<title>person A</title>" in plain


def test_the_name_of_a_component_never_becomes_an_element() -> None:
    parts = {"<b>x": [-3.0] * 16 + [-0.5] * 12 + [-3.0] * 12}
    assert "<b>" not in render_html(report_of([-1.5] * 40, components=parts))


def test_nothing_on_the_page_is_minus_zero() -> None:
    texts = Page(render_html(report_of([-0.001] * 5, pictures=True))).texts
    assert any("mean score +0.00" in text for text in texts)
    assert not any(re.search(r"-0\.00\b", text) for text in texts)


def text_of(part: str) -> str:
    return " ".join(" ".join(Page(part).texts).split())


def test_custody_says_when_with_what_and_how_without_a_click() -> None:
    report = report_of([1.0] * 5)
    page = render_html(report)
    text = text_of(page.partition('id="evidence"')[2].partition('id="method"')[0])
    run = report.run
    needed = [
        run.started,
        run.host,
        run.device,
        run.instruction_set,
        run.python,
        f"forensics {report.tool_version}",
    ]
    needed += [f"{one.name} {one.version}" for one in run.ffmpeg]
    needed += [settings_sentence(report.settings)]
    assert run.ffmpeg
    assert [one for one in needed if one not in text] == []


@pytest.mark.parametrize("printed", [True, False])
def test_settings_and_run_lie_open_on_paper_only(printed: bool) -> None:
    page = render_html(report_of([1.0] * 5), printed=printed)
    parsed = [
        ("open" in a) for tag, a in Page(page).elements if tag == "details" and a.get("class") == "facts"
    ]
    assert parsed == [printed, printed]


def test_notes_keep_their_lines() -> None:
    report = report_of([1.0] * 5)
    page = render_html(replace(report, case=CaseFacts(notes="one\ntwo")))
    assert '<dd class="said">one\ntwo</dd>' in page
    assert ".said{white-space:pre-line}" in page


@pytest.mark.parametrize(
    ("pinned", "words"),
    [("sha256", "the table of weights"), ("as given", "nothing: the user"), ("first use", "first got")],
)
def test_each_model_file_says_what_its_digest_was_compared_with(pinned: str, words: str) -> None:
    report = report_of([1.0] * 5)
    page = render_html(replace(report, weights=(replace(report.weights[0], pinned=pinned),)))
    assert words in text_of(page.partition("Model files")[2].partition("</table>")[0])


def test_equal_reports_give_equal_pages() -> None:
    assert render_html(report_of([1.0] * 5, pictures=True)) == render_html(
        report_of([1.0] * 5, pictures=True)
    )


def test_no_face_and_one_frame_still_make_a_page() -> None:
    report = report_of([1.0] * 4)
    empty = render_html(replace(report, people=(), faces=(), detectors=()))
    assert "No face was found" in empty
    assert "One frame has no timeline" in render_html(replace(report, frames=report.frames[:1]))


def test_sixty_people_and_two_hours_stay_under_fifteen_megabytes() -> None:
    crowd = render_html(report_of(*[[0.5] * 60] * 60, pictures=True))
    assert crowd.count('class="card"') == 60
    long = render_html(report_of([0.5, 1.5] * 14_400))
    assert max(len(crowd.encode()), len(long.encode())) < 15_000_000
