"""The page of a batch: it links every report, escapes everything, and lets nothing load or run."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from attacks import ATTACKS

from forensics.batch.index import Row
from forensics.batch.inputs import LeftOut
from forensics.batch.outcome import Status
from forensics.batch.page import render_page
from forensics.batch.shard import Shard

KEY = "0123456789abcdef"


def row(position: int, path: str, *, error: str | None = None, finding: str | None = None) -> Row:
    return Row(
        position=position,
        path=path,
        sha256=f"{position:064x}",
        key=KEY,
        status=Status.FAILED if error else Status.DONE,
        finding=None if error else finding or "inconclusive",
        reason=None if error else "between_thresholds",
        detector=None if error else "repdfd",
        score=None if error else -0.001,
        error=error,
        seconds=1.0,
        attempts=1,
    )


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.found if tag == "a"]


def test_every_report_is_linked_and_a_failed_video_says_why() -> None:
    rows = [
        row(0, "a.mp4", finding="no cue found"),
        row(1, "b.mp4", error="b.mp4: is empty"),
        row(2, "c.mp4"),
    ]
    seen = Elements(render_page(rows, key=KEY))
    assert seen.links() == [f"{number:064x}/{KEY}/report.html" for number in (0, 2)]
    assert "b.mp4: is empty" in seen.text
    assert "between thresholds" in seen.text
    assert "0.00" in seen.text
    assert "-0.00" not in seen.text


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_and_errors_stay_text(attack: str) -> None:
    rows = [row(0, attack), row(1, "b.mp4", error=attack)]
    page = render_page(rows, key=KEY, left_out=[LeftOut(attack, "hidden")])
    plain = render_page([row(0, "a"), row(1, "b.mp4", error="e")], key=KEY, left_out=[LeftOut("l", "hidden")])
    assert Elements(page).found == Elements(plain).found
    assert Elements(page).text.count(attack) == 3


def test_nothing_may_be_loaded_and_nothing_runs() -> None:
    page = render_page([row(0, "a.mp4")], key=KEY)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#39;none&#39;")
    assert "script-src" not in policy
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!0)', page)


def test_shares_that_are_missing_are_named() -> None:
    page = render_page([row(0, "a.mp4")], key=KEY, missing=[Shard(2, 4), Shard(3, 4)])
    assert "2/4, 3/4" in page


def test_of_very_many_things_left_out_the_page_names_some_and_counts_the_rest() -> None:
    page = render_page([row(0, "a.mp4")], key=KEY, left_out=[LeftOut(f"{n}.txt", "x") for n in range(250)])
    assert "99.txt" in page
    assert "100.txt" not in page
    assert "and 150 more" in page
