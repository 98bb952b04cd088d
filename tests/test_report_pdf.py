"""The page on paper: its charts, nothing fetched, the same bytes, and one line where it cannot be made."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from outputs import analysed_clip, run, use_stub_models
from PIL import ImageFile
from reports import report_of

from forensics.errors import ExitCode, UsageFault
from forensics.report.html import PRINT_WIDTH, render_html
from forensics.report.pdf import FILE_NAME, check_pdf, write_pdf


def palette(asset: str, rule: str) -> dict[str, str]:
    """The colour of each line style in a style sheet."""
    text = resources.files("forensics.report").joinpath("assets", asset).read_text(encoding="utf-8")
    found = {}
    for names, colour in re.findall(rf"([^{{}}]+)\{{{rule}:(#[0-9a-f]{{6}})\}}", text):
        found |= dict.fromkeys(re.findall(r"\.(p\d+|whole)\b", names), colour)
    return found


def can_print() -> None:
    try:
        check_pdf()
    except UsageFault as error:
        pytest.skip(f"report.pdf is NOT TESTED: {error}")


def test_the_charts_on_paper_are_as_wide_as_they_are_drawn() -> None:
    page = render_html(report_of([0.0, 1.0, 2.0, 3.0]), printed=True)
    assert f'viewBox="0 0 {PRINT_WIDTH} ' in page
    (path,) = re.findall(r'class="stroke" d="([^"]+)"', page)
    assert re.findall(r"[ML](\S+)", path)[-1] == f"{PRINT_WIDTH:g}"


def test_the_colours_on_paper_are_those_on_the_screen() -> None:
    screen, paper = palette("report.css", "--line"), palette("chart_print.css", "stroke")
    assert len(screen) == 25
    assert paper == screen


def test_the_page_for_the_screen_has_no_style_that_its_policy_forbids() -> None:
    assert render_html(report_of([0.0, 1.0])).count("<style>") == 1


def test_a_report_becomes_a_pdf_of_the_same_bytes_each_time(tmp_path: Path) -> None:
    can_print()
    report = report_of([0.0, 1.0, None, 3.0], [None, -1.0, -1.0, 0.5], pictures=True)
    first = write_pdf(report, tmp_path).read_bytes()
    assert first.startswith(b"%PDF-")
    assert first == write_pdf(report, tmp_path).read_bytes()
    assert len(first) > len(write_pdf(replace(report, pictures=()), tmp_path).read_bytes())


def test_nothing_is_fetched_for_a_pdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    can_print()
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"nothing to see")
    opened: list[str] = []
    real_open: Callable[..., Any] = builtins.open

    def noted(file: Any, *arguments: Any, **named: Any) -> Any:
        opened.append(str(file))
        return real_open(file, *arguments, **named)

    page = f'<img src="{secret.as_uri()}"><img src="http://127.0.0.1:9/x.png"><p>text</p>'
    monkeypatch.setattr(builtins, "open", noted)
    monkeypatch.setattr("forensics.report.pdf.render_html", lambda report, printed: page)
    write_pdf(report_of([0.0, 1.0]), tmp_path)
    assert str(secret) not in opened
    refused = [record.getMessage() for record in caplog.records if record.name == "weasyprint"]
    assert sum("Failed to load image" in message for message in refused) == 2, refused


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (ImportError("No module named 'weasyprint'"), "pip install 'face-video-forensics[pdf]'"),
        (OSError("cannot load library\n'libpango-1.0-0'"), "apt-get install libpango-1.0-0"),
    ],
)
def test_what_is_missing_for_a_pdf_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, remedy: str
) -> None:
    use_stub_models(monkeypatch)
    out = analysed_clip(tmp_path)[1]
    real_import = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "weasyprint":
            raise fault
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    result = run("report", out, "--pdf")
    assert result.exit_code == ExitCode.USAGE
    (line,) = result.stderr.splitlines()
    assert FILE_NAME in line
    assert remedy in line
    assert not (out / FILE_NAME).exists()


def test_the_command_line_writes_a_pdf_and_lists_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    can_print()
    use_stub_models(monkeypatch)
    out = analysed_clip(tmp_path)[1]
    result = run("report", out, "--pdf")
    assert result.exit_code == ExitCode.DONE, result.output
    assert FILE_NAME in result.output
    assert run("verify", out).exit_code == ExitCode.DONE


def test_writing_a_pdf_does_not_make_broken_pictures_readable() -> None:
    can_print()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
